//! Traces over gRPC, as a receiver sees them.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::sync::mpsc;

use chassis::telemetry::{self, Telemetry};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status};

#[path = "support/traces.rs"]
mod traces;

struct Receiver(mpsc::Sender<ExportTraceServiceRequest>);

#[tonic::async_trait]
impl TraceService for Receiver {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        self.0.send(request.into_inner()).unwrap();
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

#[test]
fn what_was_recorded_arrives_over_grpc_when_the_guard_is_dropped() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (heard, received) = mpsc::channel();
    let address = runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server =
            tonic::transport::Server::builder().add_service(TraceServiceServer::new(Receiver(heard)));
        tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
        address
    });
    let settings = Telemetry { otlp: Some(format!("http://{address}")), ..Telemetry::default() };
    let guard = {
        let _inside = runtime.enter();
        telemetry::init("chassis-test", "1.2.3", &settings).unwrap()
    };
    traces::record();
    drop(guard);
    traces::check(&received.recv().unwrap());
}
