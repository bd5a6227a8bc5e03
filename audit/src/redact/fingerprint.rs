//! What stands in the place of a secret.
//!
//! Promise: without the key nobody can tell from a fingerprint what it stands for, nor try values out.

use hmac::{Hmac, Mac};
use sha2::Sha256;

const BEFORE: &str = "<redacted:hmac:";
const AFTER: &str = ">";

/// Bytes of the HMAC that are shown, twice as many digits.
const SHOWN: usize = 8;

/// The key of fingerprints; under another key, all of them are others.
#[derive(Clone)]
pub struct Key(Hmac<Sha256>);

impl Key {
    /// The key of these bytes, of any number; sixteen random ones or more keep secrets safe.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Key {
        Key(Hmac::new_from_slice(bytes).expect("an HMAC takes a key of any length"))
    }

    /// `<redacted:hmac:...>` for a secret.
    pub(super) fn fingerprint(&self, secret: &[u8]) -> String {
        let code = self.0.clone().chain_update(secret).finalize().into_bytes();
        let digits: String = code[..SHOWN].iter().map(|byte| format!("{byte:02x}")).collect();
        [BEFORE, &digits, AFTER].concat()
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(*****)")
    }
}

/// Whether a text is exactly a fingerprint.
pub(super) fn is_fingerprint(text: &[u8]) -> bool {
    let digits = text.strip_prefix(BEFORE.as_bytes()).and_then(|rest| rest.strip_suffix(AFTER.as_bytes()));
    digits.is_some_and(|digits| {
        digits.len() == SHOWN * 2 && digits.iter().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
    })
}
