//! A [`Stage`] becomes a gRPC server, with health and reflection.
//!
//! Promises: without certificates, `Push` and health are served wherever the listener is, and admin calls are answered
//! only to peers on loopback unless the configuration says otherwise; with them, no caller without a certificate is
//! served, and its names decide which calls are answered. Every connection has TCP_NODELAY.

mod admitted;
mod collector_calls;
mod handshakes;
mod operator;
mod router_calls;
mod shipper_calls;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};
use tonic_health::server::HealthReporter;
use tower::ServiceExt;
use tracing::Instrument;

use crate::tls::Role;
use crate::v1::DESCRIPTORS;
use crate::v1::admin_server::AdminServer;
use crate::v1::collector_server::CollectorServer;
use crate::v1::pipe_server::{Pipe, PipeServer};
use crate::v1::router_server::RouterServer;
use crate::v1::shipper_server::ShipperServer;
use crate::{Batch, MAX_MESSAGE_BYTES, Receipt, Stage, Tls, context};

pub use collector_calls::CollectorCalls;
pub use operator::{Drain, LogLevel, ReloadSource, StatusSource};
pub use router_calls::RouterCalls;
pub use shipper_calls::{NotDone, ShipperCalls};

use admitted::Admitted;
use operator::Operator;
use router_calls::Asked;

/// A gRPC server in the making.
#[must_use]
pub struct Server {
    stage: Option<Stage>,
    status: StatusSource,
    reload: Option<ReloadSource>,
    log_level: Option<LogLevel>,
    drain: Option<Arc<dyn Drain>>,
    leaving: Pin<Box<dyn Future<Output = ()> + Send>>,
    collector: Option<Arc<dyn CollectorCalls>>,
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
            log_level: None,
            drain: None,
            leaving: Box::pin(std::future::pending()),
            collector: None,
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

    /// Also answers `Admin.Reload`, where there is something to read again.
    pub fn reload(mut self, reload: impl Into<Option<ReloadSource>>) -> Self {
        self.reload = reload.into();
        self
    }

    /// Also answers `Admin.SetLogLevel`.
    pub fn log_level(mut self, set: LogLevel) -> Self {
        self.log_level = Some(set);
        self
    }

    /// Also answers `Admin.Drain`.
    pub fn drain(mut self, drain: Arc<dyn Drain>) -> Self {
        self.drain = Some(drain);
        self
    }

    /// Says that it does not serve any more (`grpc.health.v1`) when `leaving` is done, while it still does.
    pub fn leaving(mut self, leaving: impl Future<Output = ()> + Send + 'static) -> Self {
        self.leaving = Box::pin(leaving);
        self
    }

    /// Also answers the calls of service `Collector`.
    pub fn collector(mut self, collector: Arc<dyn CollectorCalls>) -> Self {
        self.collector = Some(collector);
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
        mut self,
        listener: TcpListener,
        stop: impl Future<Output = ()>,
    ) -> Result<(), tonic::transport::Error> {
        let (health, health_service) = tonic_health::server::health_reporter();
        health.set_serving::<AdminServer<Operator>>().await;
        let secured = self.tls.take().map(|tls| (tls, Arc::default()));
        let admitted = Admitted { anybody: self.insecure_admin, tls: secured.clone() };
        let ending = CancellationToken::new();
        let (ends, _end) = (ending.clone(), ending.clone().drop_guard());
        let stop = async move {
            stop.await;
            ends.cancel();
        };
        let leaving = std::mem::replace(&mut self.leaving, Box::pin(std::future::pending()));
        let left = health.clone();
        let _leaving = AbortOnDropHandle::new(tokio::spawn(async move {
            leaving.await;
            operator::tell(&left, false).await;
        }));
        let operator = self.operator(&admitted, &health, ending);
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
        if let Some(calls) = self.collector.take() {
            let service = collector_calls::Asked { calls, admitted: admitted.clone() };
            router = router.add_service(CollectorServer::new(service));
        }
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

impl Server {
    fn operator(&self, admitted: &Admitted, health: &HealthReporter, ending: CancellationToken) -> Operator {
        Operator {
            status: Arc::clone(&self.status),
            reload: self.reload.clone(),
            log_level: self.log_level.clone(),
            drain: self.drain.clone(),
            admitted: admitted.clone(),
            health: health.clone(),
            ending,
            watchers: Arc::default(),
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
