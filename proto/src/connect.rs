//! An address becomes a [`Stage`].
//!
//! The connection is made when the first batch goes and made again whenever it broke: a stage that is not
//! there yet is a [`Refusal::Unavailable`], never an error at start. Of several replicas each has its own.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tonic::transport::Channel;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::v1::admin_client::AdminClient;
use crate::v1::pipe_client::PipeClient;
use crate::v1::router_client::RouterClient;
use crate::v1::shipper_client::ShipperClient;
use crate::{Batch, MAX_MESSAGE_BYTES, Receipt, Refusal, Stage, Tls, context, stage};

mod replicas;
mod secured;
mod target;

pub use replicas::Spread;
use replicas::{Moved, Replicas};
use target::Target;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// An answer that takes longer is given up; the batch is sent again under the same identity.
const PUSH_TIMEOUT: Duration = Duration::from_secs(30);

/// An address that cannot be one.
#[derive(Debug, thiserror::Error)]
#[error("`{address}` is no gRPC address: {why}; write it as {scheme}://host:port")]
pub struct BadAddress {
    address: String,
    why: String,
    scheme: &'static str,
}

/// What a stage says of its health.
#[derive(Clone, Debug)]
pub struct Health {
    /// It serves.
    pub serves: bool,
    /// What its clock says, as HTTP writes a date.
    pub date: Option<String>,
}

/// How stages and operators' calls are reached: in plain text (the default), or with certificates.
#[derive(Clone, Debug, Default)]
pub struct Caller {
    tls: Option<Tls>,
    name: Option<String>,
    /// The replica that is meant, where a name leads to several.
    at: Option<SocketAddr>,
    moved: Moved,
}

impl Caller {
    /// With certificates where there are some, in plain text otherwise.
    #[must_use]
    pub fn new(tls: Option<Tls>) -> Caller {
        Caller { tls, ..Caller::default() }
    }

    /// The name that has to be in the other side's certificate, instead of the host of its address.
    #[must_use]
    pub fn named(mut self, name: Option<String>) -> Caller {
        self.name = name;
        self
    }

    /// How addresses of this caller begin: `http` or `https`.
    #[must_use]
    pub fn scheme(&self) -> &'static str {
        if self.tls.is_some() { "https" } else { "http" }
    }

    /// The stage behind an address; where that leads to several replicas, `spread` says which batches stay together.
    ///
    /// # Errors
    /// [`BadAddress`] when the text is no such address; nothing is connected yet. Must be called on a runtime.
    pub fn stage(&self, address: &str, spread: Spread) -> Result<Stage, BadAddress> {
        let replicas = Replicas::new(Target::all(address, self.tls.as_ref())?, self.clone(), spread);
        Ok(stage(move |batch| Arc::clone(&replicas).push(batch)))
    }

    /// `tell` is called for each batch that was given to another replica after one may have had it and did not answer:
    /// it may be there twice.
    #[must_use]
    pub fn telling(mut self, tell: impl Fn() + Send + Sync + 'static) -> Caller {
        self.moved = Moved(Some(Arc::new(tell)));
        self
    }

    /// The operator's calls behind an address.
    ///
    /// # Errors
    /// As [`Caller::stage`].
    pub fn admin(&self, address: &str) -> Result<AdminClient<Channel>, BadAddress> {
        Ok(AdminClient::new(self.channel(address)?).max_decoding_message_size(MAX_MESSAGE_BYTES))
    }

    /// The calls of service `Router` behind an address.
    ///
    /// # Errors
    /// As [`Caller::stage`].
    pub fn router(&self, address: &str) -> Result<RouterClient<Channel>, BadAddress> {
        Ok(RouterClient::new(self.channel(address)?).max_decoding_message_size(MAX_MESSAGE_BYTES))
    }

    /// The calls of service `Shipper` behind an address.
    ///
    /// # Errors
    /// As [`Caller::stage`].
    pub fn shipper(&self, address: &str) -> Result<ShipperCaller, BadAddress> {
        let client = ShipperClient::new(self.channel(address)?);
        Ok(client.max_decoding_message_size(MAX_MESSAGE_BYTES).max_encoding_message_size(MAX_MESSAGE_BYTES))
    }

    /// Whether the stage behind an address says that it serves (`grpc.health.v1`).
    ///
    /// # Errors
    /// [`NotAsked`].
    pub async fn is_serving(&self, address: &str) -> Result<bool, NotAsked> {
        Ok(self.health(address).await?.serves)
    }

    /// What the stage behind an address says of its health.
    ///
    /// # Errors
    /// [`NotAsked`].
    pub async fn health(&self, address: &str) -> Result<Health, NotAsked> {
        let mut health = HealthClient::new(self.channel(address)?);
        let asked = tokio::time::timeout(CONNECT_TIMEOUT, health.check(HealthCheckRequest::default())).await;
        let late = |_| NotAsked::Silent(format!("no answer within {} s", CONNECT_TIMEOUT.as_secs()));
        let answer = asked.map_err(late)?.map_err(|status| NotAsked::Silent(innermost(&status)))?;
        let date = answer.metadata().get("date").and_then(|date| date.to_str().ok()).map(str::to_owned);
        Ok(Health { serves: answer.into_inner().status() == ServingStatus::Serving, date })
    }

    fn channel(&self, address: &str) -> Result<Channel, BadAddress> {
        let target = self.target(address)?;
        Ok(target.channel(self.tls.as_ref(), self.name.as_deref(), self.at))
    }

    fn target(&self, address: &str) -> Result<Target, BadAddress> {
        let mut targets = Target::all(address, self.tls.as_ref())?;
        match (targets.pop(), targets.is_empty()) {
            (Some(target), true) => Ok(target),
            _ => {
                let why = "it names several hosts, and one is meant".to_owned();
                Err(BadAddress { address: address.to_owned(), why, scheme: self.scheme() })
            }
        }
    }

    /// A caller for each replica behind an address, with its place in words: operators ask all of them. Where the name
    /// leads nowhere now, the caller itself, who will say so.
    ///
    /// # Errors
    /// As [`Caller::stage`].
    pub async fn each(&self, address: &str) -> Result<Vec<(Caller, String)>, BadAddress> {
        let target = self.target(address)?;
        let places = target.places().await.unwrap_or_else(|_| vec![None]);
        let each = places.into_iter().map(|at| {
            let words = at.map_or_else(|| address.to_owned(), |at| format!("{address} ({})", at.ip()));
            (Caller { at, ..self.clone() }, words)
        });
        Ok(each.collect())
    }
}

/// The stage behind `http://host:port`, in plain text.
///
/// # Errors
/// As [`Caller::stage`].
pub fn connect(address: &str) -> Result<Stage, BadAddress> {
    Caller::default().stage(address, Spread::ByOrigin)
}

/// The operator's calls behind `http://host:port`, in plain text.
///
/// # Errors
/// As [`Caller::stage`].
pub fn connect_admin(address: &str) -> Result<AdminClient<Channel>, BadAddress> {
    Caller::default().admin(address)
}

/// The calls of service `Router` behind `http://host:port`, in plain text.
///
/// # Errors
/// As [`Caller::stage`].
pub fn connect_router(address: &str) -> Result<RouterClient<Channel>, BadAddress> {
    Caller::default().router(address)
}

/// A shipper's calls.
pub type ShipperCaller = ShipperClient<Channel>;

/// The calls of service `Shipper` behind `http://host:port`, in plain text.
///
/// # Errors
/// As [`Caller::stage`].
pub fn connect_shipper(address: &str) -> Result<ShipperCaller, BadAddress> {
    Caller::default().shipper(address)
}

/// Why nobody said whether a stage serves.
#[derive(Debug, thiserror::Error)]
pub enum NotAsked {
    /// The address cannot be one.
    #[error(transparent)]
    Address(#[from] BadAddress),
    /// Nobody answered there, or not as a stage does.
    #[error("{0}")]
    Silent(String),
}

/// Whether the stage behind `http://host:port` says that it serves, in plain text.
///
/// # Errors
/// [`NotAsked`].
pub async fn is_serving(address: &str) -> Result<bool, NotAsked> {
    Caller::default().is_serving(address).await
}

/// `connection refused` says more than that a transport failed.
fn innermost(status: &tonic::Status) -> String {
    let causes = std::iter::successors(std::error::Error::source(status), |cause| cause.source());
    causes.last().map_or(status.message().to_owned(), ToString::to_string)
}

/// A replica did not answer.
struct NoAnswer {
    why: String,
    /// It may have got the batch.
    sent: bool,
}

async fn push(mut client: PipeClient<Channel>, batch: Batch) -> Result<Result<Receipt, Refusal>, NoAnswer> {
    let mut request = tonic::Request::new(batch);
    context::inject(request.metadata_mut());
    match client.push(request).await {
        Ok(receipt) => Ok(Ok(receipt.into_inner())),
        Err(status) if std::error::Error::source(&status).is_some() => {
            let mut causes =
                std::iter::successors(std::error::Error::source(&status), |cause| cause.source());
            let sent = !causes.any(|cause| cause.is::<tonic::ConnectError>());
            Err(NoAnswer { why: innermost(&status), sent })
        }
        Err(status) => Ok(Err(status.into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_address_without_scheme_or_port_is_refused_with_the_right_form() {
        for address in ["shipper:7103", "http://shipper", "http://", "ftp://x:1", "http://a b:1"] {
            let error = connect(address).err().map(|error| error.to_string()).unwrap_or_default();
            assert!(error.contains(address) && error.contains("http://host:port"), "{address}: {error}");
        }
        assert!(connect("http://shipper:7103").is_ok());
        let error = connect("https://shipper:7103").err().unwrap().to_string();
        assert!(error.contains("no section `tls`"), "{error}");
    }
}
