//! An address becomes a [`Stage`].
//!
//! The connection is made when the first batch goes and made again whenever it broke: a stage that is not
//! there yet is a [`Refusal::Unavailable`], never an error at start.

use std::time::Duration;

use tonic::transport::{Channel, Endpoint};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::v1::admin_client::AdminClient;
use crate::v1::pipe_client::PipeClient;
use crate::v1::router_client::RouterClient;
use crate::v1::shipper_client::ShipperClient;
use crate::{Batch, MAX_MESSAGE_BYTES, Receipt, Refusal, Stage, context, stage};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// An answer that takes longer is given up; the batch is sent again under the same identity.
const PUSH_TIMEOUT: Duration = Duration::from_secs(30);

/// An address that cannot be one.
#[derive(Debug, thiserror::Error)]
#[error("`{address}` is no gRPC address: {why}; write it as http://host:port")]
pub struct BadAddress {
    address: String,
    why: String,
}

/// The stage behind `http://host:port`.
///
/// # Errors
/// [`BadAddress`] when the text is no such address; nothing is connected yet. Must be called on a runtime.
pub fn connect(address: &str) -> Result<Stage, BadAddress> {
    let client = PipeClient::new(channel(address)?)
        .max_decoding_message_size(MAX_MESSAGE_BYTES)
        .max_encoding_message_size(MAX_MESSAGE_BYTES);
    Ok(stage(move |batch| push(client.clone(), batch)))
}

/// The operator's calls behind `http://host:port`.
///
/// # Errors
/// As [`connect`].
pub fn connect_admin(address: &str) -> Result<AdminClient<Channel>, BadAddress> {
    Ok(AdminClient::new(channel(address)?).max_decoding_message_size(MAX_MESSAGE_BYTES))
}

/// The calls of service `Router` behind `http://host:port`.
///
/// # Errors
/// As [`connect`].
pub fn connect_router(address: &str) -> Result<RouterClient<Channel>, BadAddress> {
    Ok(RouterClient::new(channel(address)?).max_decoding_message_size(MAX_MESSAGE_BYTES))
}

/// A shipper's calls.
pub type ShipperCaller = ShipperClient<Channel>;

/// The calls of service `Shipper` behind `http://host:port`.
///
/// # Errors
/// As [`connect`].
pub fn connect_shipper(address: &str) -> Result<ShipperCaller, BadAddress> {
    let client = ShipperClient::new(channel(address)?);
    Ok(client.max_decoding_message_size(MAX_MESSAGE_BYTES).max_encoding_message_size(MAX_MESSAGE_BYTES))
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

/// Whether the stage behind `http://host:port` says that it serves (`grpc.health.v1`).
///
/// # Errors
/// [`NotAsked`].
pub async fn is_serving(address: &str) -> Result<bool, NotAsked> {
    let mut health = HealthClient::new(channel(address)?);
    let asked = tokio::time::timeout(CONNECT_TIMEOUT, health.check(HealthCheckRequest::default())).await;
    let late = |_| NotAsked::Silent(format!("no answer within {} s", CONNECT_TIMEOUT.as_secs()));
    let answer = asked.map_err(late)?.map_err(|status| {
        let causes = std::iter::successors(std::error::Error::source(&status), |cause| cause.source());
        NotAsked::Silent(causes.last().map_or(status.message().to_owned(), ToString::to_string))
    })?;
    Ok(answer.into_inner().status() == ServingStatus::Serving)
}

fn channel(address: &str) -> Result<Channel, BadAddress> {
    let bad = |why: String| BadAddress { address: address.to_owned(), why };
    if !address.starts_with("http://") {
        return Err(bad("the scheme is missing".into()));
    }
    let endpoint = Endpoint::from_shared(address.to_owned()).map_err(|error| bad(error.to_string()))?;
    if endpoint.uri().port().is_none() {
        return Err(bad("the port is missing".into()));
    }
    Ok(endpoint
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(PUSH_TIMEOUT)
        .tcp_nodelay(true)
        .http2_keep_alive_interval(Duration::from_secs(15))
        .initial_connection_window_size(Some(4 << 20))
        .initial_stream_window_size(Some(2 << 20))
        .connect_lazy())
}

async fn push(mut client: PipeClient<Channel>, batch: Batch) -> Result<Receipt, Refusal> {
    let mut request = tonic::Request::new(batch);
    context::inject(request.metadata_mut());
    Ok(client.push(request).await?.into_inner())
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
    }
}
