//! Traces over HTTP, as a receiver sees them.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::sync::mpsc;

use axum::Router;
use axum::body::Bytes;
use axum::http::Uri;
use chassis::telemetry::{self, Protocol, Telemetry};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;

#[path = "support/traces.rs"]
mod traces;

#[test]
fn what_was_recorded_arrives_over_http_when_the_guard_is_dropped() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (heard, received) = mpsc::channel();
    let receiver = Router::new().fallback(async move |uri: Uri, body: Bytes| {
        heard.send((uri.path().to_owned(), body)).unwrap();
    });
    let address = runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, receiver).await });
        address
    });
    let otlp = Some(format!("http://{address}"));
    let settings = Telemetry { otlp, protocol: Protocol::Http, ..Telemetry::default() };
    let guard = {
        let _inside = runtime.enter();
        telemetry::init("chassis-test", "1.2.3", &settings).unwrap()
    };
    traces::record();
    drop(guard);
    let (path, body) = received.recv().unwrap();
    assert_eq!(path, "/v1/traces");
    traces::check(&ExportTraceServiceRequest::decode(body).unwrap());
}
