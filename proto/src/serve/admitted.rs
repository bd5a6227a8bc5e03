//! Who may make which call.
//!
//! Promises: with certificates, their names decide, wherever the call comes from; without, admin calls are answered to
//! loopback alone unless the configuration says otherwise, all others to everybody. A refusal names who was refused,
//! and the setting.

use std::sync::Arc;

use tonic::transport::server::TcpConnectInfo;
use tonic::{Request, Status};

use super::handshakes::{Peer, Refusals};
use crate::tls::{Role, Tls};

/// Whose calls are answered.
#[derive(Debug, Clone)]
pub(super) struct Admitted {
    /// Without certificates: everybody's admin calls.
    pub(super) anybody: bool,
    pub(super) tls: Option<(Tls, Arc<Refusals>)>,
}

impl Admitted {
    /// Whether an admin call is answered.
    pub(super) fn admit<T>(&self, request: &Request<T>) -> Result<(), Status> {
        self.admit_as(request, Role::Admin)
    }

    /// Whether a call is answered that wants a role.
    pub(super) fn admit_as<T>(&self, request: &Request<T>, role: Role) -> Result<(), Status> {
        if let Some((tls, refusals)) = &self.tls {
            let peer = request.extensions().get::<Peer>();
            let names = peer.map_or(&[][..], |peer| &peer.names);
            return tls.admit(names, role).map_err(|why| {
                refusals.say(peer.and_then(|peer| peer.address), &why);
                Status::permission_denied(why)
            });
        }
        if matches!(role, Role::Push | Role::Any) {
            return Ok(());
        }
        let peer = request.extensions().get::<TcpConnectInfo>().and_then(TcpConnectInfo::remote_addr);
        if self.anybody || peer.is_some_and(|peer| peer.ip().to_canonical().is_loopback()) {
            return Ok(());
        }
        Err(Status::permission_denied(
            "admin calls are answered on loopback only: use a port-forward, TLS, or `insecure_admin: true`",
        ))
    }

    /// What an operator should know of certificates and of who was refused lately.
    pub(super) fn problems(&self) -> Vec<String> {
        let Some((tls, refusals)) = &self.tls else { return Vec::new() };
        let mut problems = tls.problems();
        problems.extend(refusals.lately());
        problems
    }
}
