//! Certificates between stages: what both sides of a connection work with.
//!
//! Promise: nothing here reads a file or keeps a key; whoever holds the certificates says at each handshake which are
//! in use.

use std::fmt;
use std::sync::Arc;

use rustls::{AlertDescription, CertificateError, ClientConfig, Error, ServerConfig};

/// How a process speaks TLS, and who may do what there. Clones are the same.
#[derive(Clone)]
pub struct Tls(Arc<Inner>);

struct Inner {
    serving: Arc<dyn Fn() -> Arc<ServerConfig> + Send + Sync>,
    calling: Arc<dyn Fn() -> Arc<ClientConfig> + Send + Sync>,
    problems: Arc<dyn Fn() -> Vec<String> + Send + Sync>,
    names: fn(&[u8]) -> Vec<String>,
    push: Vec<String>,
    admin: Vec<String>,
    read: Vec<String>,
}

/// How callers are answered, how others are called, what is wrong with the certificates, the names in a certificate,
/// and whose names may push, administer and read.
type Parts = (
    Arc<dyn Fn() -> Arc<ServerConfig> + Send + Sync>,
    Arc<dyn Fn() -> Arc<ClientConfig> + Send + Sync>,
    Arc<dyn Fn() -> Vec<String> + Send + Sync>,
    fn(&[u8]) -> Vec<String>,
    [Vec<String>; 3],
);

impl From<Parts> for Tls {
    fn from((serving, calling, problems, names, [push, admin, read]): Parts) -> Tls {
        Tls(Arc::new(Inner { serving, calling, problems, names, push, admin, read }))
    }
}

/// What somebody may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Send batches.
    Push,
    /// Make every call of operators.
    Admin,
    /// Ask for the status.
    Read,
    /// One of these, whichever.
    Any,
}

impl Tls {
    pub(crate) fn serving(&self) -> Arc<ServerConfig> {
        (self.0.serving)()
    }

    pub(crate) fn calling(&self) -> Arc<ClientConfig> {
        (self.0.calling)()
    }

    pub(crate) fn problems(&self) -> Vec<String> {
        (self.0.problems)()
    }

    pub(crate) fn names(&self, certificate: &[u8]) -> Vec<String> {
        (self.0.names)(certificate)
    }

    /// Whether a certificate with these names has the role; otherwise who lacks what, and where to give it.
    pub(crate) fn admit(&self, names: &[String], role: Role) -> Result<(), String> {
        let Inner { push, admin, read, .. } = &*self.0;
        let (lists, setting): (&[&Vec<String>], _) = match role {
            Role::Push => (&[push], "tls.roles.push"),
            Role::Admin => (&[admin], "tls.roles.admin"),
            Role::Read => (&[read, admin], "tls.roles.read"),
            Role::Any => (&[read, admin, push], "tls.roles.read"),
        };
        let listed = |name: &String| {
            lists.iter().copied().flatten().any(|known| known.eq_ignore_ascii_case(name.as_str()))
        };
        if names.iter().any(listed) {
            return Ok(());
        }
        let who = match names {
            [] => "the caller's certificate has no name".to_owned(),
            names => format!("the caller's certificate is that of `{}`", names.join("`, `")),
        };
        Err(format!("{who}, and none of its names is in `{setting}` of this service: add one there"))
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}

/// Which side refuses or is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// We called.
    Caller,
    /// We were called.
    Called,
}

/// Why a handshake failed, and what to do, in words of the side that says so.
pub(crate) fn words(side: Side, error: &std::io::Error) -> String {
    let cause = error.get_ref().and_then(|error| error.downcast_ref::<Error>());
    match cause {
        Some(Error::NoCertificatesPresented) => {
            "it showed no certificate, and one is required here".to_owned()
        }
        Some(Error::InvalidCertificate(cause)) => refused(cause),
        Some(Error::AlertReceived(alert)) => told(*alert),
        Some(Error::InvalidMessage(_)) if side == Side::Called => {
            "it does not speak TLS; its address of this service has to begin with https://".to_owned()
        }
        Some(Error::InvalidMessage(_)) => {
            "it does not speak TLS; its configuration has no section `tls`, or another program has the port"
                .to_owned()
        }
        Some(Error::PeerIncompatible(why)) => format!("it speaks no TLS 1.2 or 1.3 with us: {why:?}"),
        Some(other) => other.to_string(),
        None => error.to_string(),
    }
}

/// We refuse a certificate.
fn refused(cause: &CertificateError) -> String {
    match cause {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "its certificate expired; renew it".to_owned()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "its certificate does not hold yet; compare the clocks".to_owned()
        }
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            "its certificate does not come from the authority in `tls.authority`".to_owned()
        }
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "its certificate is not for this purpose; issue it for server and client authentication"
                .to_owned()
        }
        CertificateError::NotValidForName => "its certificate has another name".to_owned(),
        CertificateError::NotValidForNameContext { expected, presented } => format!(
            "its certificate is not for `{}`, but for {}; call it by that name, or add the name to the certificate",
            expected.to_str(),
            if presented.is_empty() { "nobody".to_owned() } else { presented.join(", ") }
        ),
        other => format!("its certificate is not valid: {other:?}"),
    }
}

/// The other side refuses, and says why in one word.
fn told(alert: AlertDescription) -> String {
    match alert {
        AlertDescription::UnknownCA | AlertDescription::DecryptError => {
            "it refused our certificate: that does not come from its authority".to_owned()
        }
        AlertDescription::CertificateExpired => "it refused our certificate: that expired".to_owned(),
        AlertDescription::CertificateRequired => "it wants a certificate, and got none".to_owned(),
        AlertDescription::BadCertificate
        | AlertDescription::UnsupportedCertificate
        | AlertDescription::CertificateUnknown
        | AlertDescription::CertificateRevoked => {
            format!("it refused our certificate ({alert:?}); its log says more")
        }
        other => format!("it ended the handshake ({other:?}); its log says more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tls() -> Tls {
        let configured = || -> Arc<ServerConfig> { unreachable!("no handshake is made") };
        let calling = || -> Arc<ClientConfig> { unreachable!("no handshake is made") };
        let roles = [vec!["collector".into()], vec!["operator".into()], vec!["monitoring".into()]];
        let names: fn(&[u8]) -> Vec<String> = |_| Vec::new();
        let parts: Parts = (Arc::new(configured), Arc::new(calling), Arc::new(Vec::new), names, roles);
        Tls::from(parts)
    }

    #[test]
    fn a_role_is_a_name_s_and_who_lacks_it_is_told_the_name_and_the_setting() {
        let may = |name: &str, role| tls().admit(&["x".to_owned(), name.to_owned()], role);
        for (name, roles) in [
            ("collector", vec![Role::Push, Role::Any]),
            ("operator", vec![Role::Admin, Role::Read, Role::Any]),
            ("MONITORING", vec![Role::Read, Role::Any]),
            ("stranger", vec![]),
        ] {
            for role in [Role::Push, Role::Admin, Role::Read, Role::Any] {
                assert_eq!(may(name, role).is_ok(), roles.contains(&role), "{name} {role:?}");
            }
        }
        let said = may("stranger", Role::Admin).unwrap_err();
        assert!(said.contains("`x`, `stranger`") && said.contains("`tls.roles.admin`"), "{said}");
        assert!(tls().admit(&[], Role::Push).unwrap_err().contains("no name"));
    }
}
