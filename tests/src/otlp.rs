//! A receiver of traces: OTLP over HTTP, as protobuf.
//!
//! Promise: it keeps every span that was sent, with the service that sent it, and refuses nothing.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::routing::post;
use opentelemetry_proto::tonic as otlp;
use prost::Message;

use crate::port::free_port;
use otlp::collector::trace::v1::ExportTraceServiceRequest;
use otlp::common::v1::KeyValue;
use otlp::common::v1::any_value::Value;

/// A span as it arrived.
#[derive(Clone, Debug)]
pub struct Span {
    /// `collector`, `router`, `shipper`, ...
    pub service: String,
    /// Its name.
    pub name: String,
    /// Its trace.
    pub trace: Vec<u8>,
    /// Its own id.
    pub id: Vec<u8>,
    /// The id of its parent; empty where it has none.
    pub parent: Vec<u8>,
    /// The ids of the spans that it links to.
    pub links: Vec<Vec<u8>>,
    /// What it says of itself, and its resource, as text.
    pub attributes: BTreeMap<String, String>,
}

/// The receiver; it ends with the runtime.
pub struct TraceReceiver {
    address: String,
    taken: Arc<Mutex<Vec<Span>>>,
}

impl TraceReceiver {
    /// Listens on loopback.
    pub async fn start() -> TraceReceiver {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let taken: Arc<Mutex<Vec<Span>>> = Arc::default();
        let take = async |State(taken): State<Arc<Mutex<Vec<Span>>>>, body: Bytes| {
            let request = ExportTraceServiceRequest::decode(body).unwrap();
            taken.lock().unwrap().extend(spans(request));
        };
        let routes = Router::new().route("/v1/traces", post(take)).with_state(taken.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        TraceReceiver { address, taken }
    }

    /// Its address, without a path.
    pub fn url(&self) -> &str {
        &self.address
    }

    /// Every span so far.
    pub fn spans(&self) -> Vec<Span> {
        self.taken.lock().unwrap().clone()
    }
}

fn spans(request: ExportTraceServiceRequest) -> Vec<Span> {
    let mut spans = Vec::new();
    for resource in request.resource_spans {
        let place = texts(&resource.resource.unwrap_or_default().attributes);
        for span in resource.scope_spans.into_iter().flat_map(|scope| scope.spans) {
            let mut attributes = place.clone();
            attributes.extend(texts(&span.attributes));
            spans.push(Span {
                service: place["service.name"].clone(),
                name: span.name,
                trace: span.trace_id,
                id: span.span_id,
                parent: span.parent_span_id,
                links: span.links.into_iter().map(|link| link.span_id).collect(),
                attributes,
            });
        }
    }
    spans
}

fn texts(attributes: &[KeyValue]) -> BTreeMap<String, String> {
    let text = |one: &KeyValue| {
        let value = match one.value.clone()?.value? {
            Value::StringValue(text) => text,
            Value::IntValue(number) => number.to_string(),
            Value::BoolValue(yes) => yes.to_string(),
            other => format!("{other:?}"),
        };
        Some((one.key.clone(), value))
    };
    attributes.iter().filter_map(text).collect()
}

/// The receiver of the OpenTelemetry Collector, as a process; it ends with this.
pub struct RealReceiver {
    program: Child,
    /// Its address for gRPC.
    pub grpc: String,
    /// Its address for HTTP.
    pub http: String,
}

impl RealReceiver {
    /// Starts the program that `OTLP_RECEIVER` names, which writes what it takes beside `file`; none where nothing is
    /// named.
    pub fn start(file: &Path) -> Option<RealReceiver> {
        let program = std::env::var_os("OTLP_RECEIVER")?;
        let [grpc, http] = [free_port(), free_port()].map(|port| format!("127.0.0.1:{port}"));
        let mut command = Command::new(program);
        command.args([&grpc, &http]).arg(file).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut program = command.spawn().unwrap();
        let mut said = String::new();
        BufReader::new(program.stdout.take().unwrap()).read_line(&mut said).unwrap();
        assert_eq!(said, "listening\n");
        Some(RealReceiver { program, grpc: format!("http://{grpc}"), http: format!("http://{http}") })
    }

    /// Ends it, and waits until it has written everything.
    pub fn end(&mut self) {
        drop(self.program.stdin.take());
        let _ = self.program.wait();
    }
}

impl Drop for RealReceiver {
    fn drop(&mut self) {
        self.end();
    }
}

/// The spans that a real receiver wrote.
pub fn written(file: &Path) -> Vec<Span> {
    let text = std::fs::read_to_string(file).unwrap();
    let spans = text.lines().map(|line| {
        let [service, name, trace, id, parent, links] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("{line}")
        };
        let bytes = |id: &str| id.as_bytes().to_vec();
        let links = links.split(',').filter(|link| !link.is_empty()).map(bytes).collect();
        let (service, name) = (service.to_owned(), name.to_owned());
        let (trace, id, parent) = (bytes(trace), bytes(id), bytes(parent));
        Span { service, name, trace, id, parent, links, attributes: BTreeMap::new() }
    });
    spans.collect()
}
