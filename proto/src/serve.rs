//! A [`Stage`] becomes a gRPC server, with health and reflection.
//!
//! Promises: without certificates, `Push` and health are served wherever the listener is, and admin calls are answered
//! only to peers on loopback unless the configuration says otherwise; with them, no caller without a certificate is
//! served, and its names decide which calls are answered. Every connection has TCP_NODELAY.

mod admitted;
mod handshakes;
mod router_calls;
mod shipper_calls;

use std::future::Future;
use std::sync::Arc;

use tokio::net::TcpListener;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};
use tower::ServiceExt;
use tracing::Instrument;

use crate::tls::Role;
use crate::v1::admin_server::{Admin, AdminServer};
use crate::v1::pipe_server::{Pipe, PipeServer};
use crate::v1::router_server::RouterServer;
use crate::v1::shipper_server::ShipperServer;
use crate::v1::{DESCRIPTORS, ReloadReply, ReloadRequest, StatusReply, StatusRequest};
use crate::{Batch, MAX_MESSAGE_BYTES, Receipt, Stage, Tls, context};

pub use router_calls::RouterCalls;
pub use shipper_calls::{NotDone, ShipperCalls};

use admitted::Admitted;
use router_calls::Asked;

/// Answers `Admin.Status`. May block for a short while (it is called on a blocking thread).
pub type StatusSource = Arc<dyn Fn() -> StatusReply + Send + Sync>;

/// Answers `Admin.Reload`. May block for a short while (it is called on a blocking thread).
pub type ReloadSource = Arc<dyn Fn() -> ReloadReply + Send + Sync>;

/// A gRPC server in the making.
#[must_use]
pub struct Server {
    stage: Option<Stage>,
    status: StatusSource,
    reload: Option<ReloadSource>,
    router: Option<Arc<dyn RouterCalls>>,
    shipper: Option<Arc<dyn ShipperCalls>>,
    insecure_admin: bool,
    tls: Option<Tls>,
}

impl Server {
    /// A server that answers `Admin.Status`, health and reflection.
    pub fn new(status: StatusSource) -> Self {
        Server {
            stage: None,
            status,
            reload: None,
            router: None,
            shipper: None,
            insecure_admin: false,
            tls: None,
        }
    }

    /// Also takes batches.
    pub fn stage(mut self, stage: Stage) -> Self {
        self.stage = Some(stage);
        self
    }

    /// Also answers `Admin.Reload`.
    pub fn reload(mut self, reload: ReloadSource) -> Self {
        self.reload = Some(reload);
        self
    }

    /// Also answers the calls of service `Router`, to whom admin calls are answered.
    pub fn router(mut self, router: Arc<dyn RouterCalls>) -> Self {
        self.router = Some(router);
        self
    }

    /// Also answers the calls of service `Shipper`, to whom admin calls are answered.
    pub fn shipper(mut self, shipper: Arc<dyn ShipperCalls>) -> Self {
        self.shipper = Some(shipper);
        self
    }

    /// Answers admin calls to every peer, not to those on loopback alone.
    pub fn insecure_admin(mut self, allowed: bool) -> Self {
        self.insecure_admin = allowed;
        self
    }

    /// Serves callers with certificates only, each what its names allow; without any, in plain text.
    pub fn tls(mut self, tls: Option<Tls>) -> Self {
        self.tls = tls;
        self
    }

    /// Serves until `stop` is done; calls in flight are finished first.
    ///
    /// # Errors
    /// Only when the listener breaks.
    pub async fn run(
        self,
        listener: TcpListener,
        stop: impl Future<Output = ()>,
    ) -> Result<(), tonic::transport::Error> {
        let (health, health_service) = tonic_health::server::health_reporter();
        health.set_serving::<AdminServer<Operator>>().await;
        let secured = self.tls.map(|tls| (tls, Arc::default()));
        let admitted = Admitted { anybody: self.insecure_admin, tls: secured.clone() };
        let operator = Operator { status: self.status, reload: self.reload, admitted: admitted.clone() };
        let asked = admitted.clone();
        let anyone = move |request: Request<()>| asked.admit_as(&request, Role::Any).map(|()| request);
        let v1 = reflection().build_v1().expect("the descriptors are generated with the code");
        let v1alpha = reflection().build_v1alpha().expect("the descriptors are generated with the code");
        let mut router = tonic::transport::Server::builder()
            .initial_connection_window_size(Some(4 << 20))
            .initial_stream_window_size(Some(2 << 20))
            .add_service(InterceptedService::new(health_service, anyone.clone()))
            .add_service(InterceptedService::new(v1, anyone.clone()))
            .add_service(InterceptedService::new(v1alpha, anyone))
            .add_service(AdminServer::new(operator));
        if let Some(calls) = self.router {
            router = router.add_service(RouterServer::new(Asked { calls, admitted: admitted.clone() }));
        }
        if let Some(calls) = self.shipper {
            let service = ShipperServer::new(shipper_calls::Asked { calls, admitted: admitted.clone() });
            let service = service.max_decoding_message_size(MAX_MESSAGE_BYTES);
            router = router.add_service(service.max_encoding_message_size(MAX_MESSAGE_BYTES));
        }
        if let Some(stage) = self.stage {
            health.set_serving::<PipeServer<Pushed>>().await;
            router = router.add_service(
                PipeServer::new(Pushed { stage, admitted })
                    .max_decoding_message_size(MAX_MESSAGE_BYTES)
                    .max_encoding_message_size(MAX_MESSAGE_BYTES),
            );
        }
        match secured {
            Some((tls, refusals)) => {
                let incoming = handshakes::accept(listener, tls, refusals);
                router.serve_with_incoming_shutdown(incoming, stop).await
            }
            None => {
                let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
                router.serve_with_incoming_shutdown(incoming, stop).await
            }
        }
    }
}

fn reflection() -> tonic_reflection::server::Builder<'static> {
    tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(DESCRIPTORS)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
}

struct Pushed {
    stage: Stage,
    admitted: Admitted,
}

#[tonic::async_trait]
impl Pipe for Pushed {
    async fn push(&self, request: Request<Batch>) -> Result<Response<Receipt>, Status> {
        self.admitted.admit_as(&request, Role::Push)?;
        let batch = request.get_ref();
        let span = tracing::info_span!(
            "push",
            first = batch.first,
            last = batch.last,
            destination = batch.destination
        );
        context::adopt(&span, request.metadata());
        let batch = request.into_inner();
        async {
            batch.check()?;
            self.stage.clone().oneshot(batch).await
        }
        .instrument(span)
        .await
        .map(Response::new)
        .map_err(Status::from)
    }
}

struct Operator {
    status: StatusSource,
    reload: Option<ReloadSource>,
    admitted: Admitted,
}

#[tonic::async_trait]
impl Admin for Operator {
    async fn status(&self, request: Request<StatusRequest>) -> Result<Response<StatusReply>, Status> {
        self.admitted.admit_as(&request, Role::Read)?;
        let (status, admitted) = (self.status.clone(), self.admitted.clone());
        let reply = tokio::task::spawn_blocking(move || {
            let mut reply = status();
            if let Some(first) = reply.services.first_mut() {
                first.problems.extend(admitted.problems());
            }
            reply
        });
        reply.await.map(Response::new).map_err(|error| Status::internal(format!("status: {error}")))
    }
    async fn reload(&self, request: Request<ReloadRequest>) -> Result<Response<ReloadReply>, Status> {
        self.admitted.admit(&request)?;
        let none = || Status::unimplemented("this service reads its configuration at its start only");
        let reload = self.reload.clone().ok_or_else(none)?;
        let reply = tokio::task::spawn_blocking(move || reload()).await;
        reply.map(Response::new).map_err(|error| Status::internal(format!("reload: {error}")))
    }
}
