//! Proof of a password: PLAIN, and SCRAM (RFC 5802, RFC 7677).
//!
//! Promises: under SCRAM the password does not travel, and a broker that does not know it either is not believed; a
//! broker cannot make us hash for ever; no message names the password.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use rand::RngExt;
use sha2::{Digest, Sha256, Sha512};

use crate::config::SaslMechanism;

/// Rounds of hashing that a broker may ask for.
const ROUNDS: std::ops::RangeInclusive<u32> = 4096..=500_000;

/// The name that brokers know a mechanism by.
pub(super) fn name(mechanism: SaslMechanism) -> &'static str {
    match mechanism {
        SaslMechanism::Plain => "PLAIN",
        SaslMechanism::ScramSha256 => "SCRAM-SHA-256",
        SaslMechanism::ScramSha512 => "SCRAM-SHA-512",
    }
}

/// All that PLAIN says.
pub(super) fn plain(user: &str, password: &str) -> Vec<u8> {
    format!("\0{user}\0{password}").into_bytes()
}

/// SCRAM, begun.
pub(super) struct Scram {
    hash: Hash,
    nonce: String,
    /// The first message without its head.
    first: String,
}

/// SCRAM before the broker's last word.
pub(super) struct Proven {
    /// What the broker has to prove that it knows the password too.
    signature: Vec<u8>,
}

#[derive(Clone, Copy)]
enum Hash {
    Sha256,
    Sha512,
}

impl Scram {
    /// Begins with a nonce of its own; None for a mechanism that is no SCRAM.
    pub(super) fn new(mechanism: SaslMechanism, user: &str) -> Option<Scram> {
        let random: [u8; 24] = rand::rng().random();
        Scram::with_nonce(mechanism, user, STANDARD.encode(random))
    }

    fn with_nonce(mechanism: SaslMechanism, user: &str, nonce: String) -> Option<Scram> {
        let hash = match mechanism {
            SaslMechanism::Plain => return None,
            SaslMechanism::ScramSha256 => Hash::Sha256,
            SaslMechanism::ScramSha512 => Hash::Sha512,
        };
        let user = user.replace('=', "=3D").replace(',', "=2C");
        let first = format!("n={user},r={nonce}");
        Some(Scram { hash, nonce, first })
    }

    /// The first message.
    pub(super) fn first(&self) -> Vec<u8> {
        format!("n,,{}", self.first).into_bytes()
    }

    /// The last message, after the broker's first. Hashes for a while.
    ///
    /// # Errors
    /// When the broker's message is not as it should be.
    pub(super) fn last(&self, answer: &[u8], password: &str) -> Result<(Vec<u8>, Proven), String> {
        let wrong = || "the broker's first word in SCRAM is not as it should be".to_owned();
        let answer = std::str::from_utf8(answer).map_err(|_| wrong())?;
        let field = |name: &str| answer.split(',').find_map(|part| part.strip_prefix(name));
        let nonce = field("r=").filter(|nonce| nonce.starts_with(&self.nonce)).ok_or_else(wrong)?;
        let salt = field("s=").and_then(|salt| STANDARD.decode(salt).ok()).ok_or_else(wrong)?;
        let rounds: u32 = field("i=").and_then(|rounds| rounds.parse().ok()).ok_or_else(wrong)?;
        if !ROUNDS.contains(&rounds) {
            return Err(format!(
                "the broker asks for {rounds} rounds of hashing, which is too few or too many"
            ));
        }
        let salted = self.hash.salted(password.as_bytes(), &salt, rounds);
        let client = self.hash.mac(&salted, b"Client Key");
        let told = format!("{},{answer},c=biws,r={nonce}", self.first);
        let mut proof = self.hash.mac(&self.hash.digest(&client), told.as_bytes());
        proof.iter_mut().zip(&client).for_each(|(byte, key)| *byte ^= key);
        let signature = self.hash.mac(&self.hash.mac(&salted, b"Server Key"), told.as_bytes());
        let last = format!("c=biws,r={nonce},p={}", STANDARD.encode(proof));
        Ok((last.into_bytes(), Proven { signature }))
    }
}

impl Proven {
    /// Whether the broker's last word shows that it knows the password.
    pub(super) fn accepts(&self, answer: &[u8]) -> bool {
        let told = answer.strip_prefix(b"v=").and_then(|text| STANDARD.decode(text.trim_ascii_end()).ok());
        told.is_some_and(|told| told == self.signature)
    }
}

impl Hash {
    fn digest(self, text: &[u8]) -> Vec<u8> {
        match self {
            Hash::Sha256 => Sha256::digest(text).to_vec(),
            Hash::Sha512 => Sha512::digest(text).to_vec(),
        }
    }

    fn mac(self, key: &[u8], text: &[u8]) -> Vec<u8> {
        const ANY: &str = "a key may have any length";
        match self {
            Hash::Sha256 => {
                let mac = Hmac::<Sha256>::new_from_slice(key).expect(ANY);
                mac.chain_update(text).finalize().into_bytes().to_vec()
            }
            Hash::Sha512 => {
                let mac = Hmac::<Sha512>::new_from_slice(key).expect(ANY);
                mac.chain_update(text).finalize().into_bytes().to_vec()
            }
        }
    }

    /// `Hi` of RFC 5802.
    fn salted(self, password: &[u8], salt: &[u8], rounds: u32) -> Vec<u8> {
        let mut round = self.mac(password, &[salt, &[0, 0, 0, 1]].concat());
        let mut sum = round.clone();
        for _ in 1..rounds {
            round = self.mac(password, &round);
            sum.iter_mut().zip(&round).for_each(|(byte, more)| *byte ^= more);
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 7677.
    #[test]
    fn scram_is_that_of_the_rfc_s_example() {
        let nonce = "rOprNGfwEbeRWgbNEkqO".to_owned();
        let scram = Scram::with_nonce(SaslMechanism::ScramSha256, "user", nonce).unwrap();
        assert_eq!(scram.first(), b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
        let answer = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
        let (last, proven) = scram.last(answer.as_bytes(), "pencil").unwrap();
        let expected = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                        p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
        assert_eq!(String::from_utf8(last).unwrap(), expected);
        assert!(proven.accepts(b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="));
        assert!(!proven.accepts(b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G5="));
    }

    #[test]
    fn a_broker_that_repeats_no_nonce_or_wants_endless_hashing_is_refused() {
        let scram = Scram::new(SaslMechanism::ScramSha512, "a=b,c").unwrap();
        assert!(String::from_utf8(scram.first()).unwrap().starts_with("n,,n=a=3Db=2Cc,r="));
        assert!(scram.last(b"r=other,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096", "x").is_err());
        let endless = format!("r={}x,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4000000000", scram.nonce);
        assert!(scram.last(endless.as_bytes(), "x").is_err());
    }
}
