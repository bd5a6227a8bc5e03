//! A stand-in for what takes protobuf: an OTLP receiver over gRPC and HTTP, and Loki. It answers by a script, and holds
//! every request against the protocol, down to the canonical encoding of its message.

use std::convert::Infallible;
use std::io::Read;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::header::HeaderMap;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::wire::{ExportLogsServiceRequest, LogRecord, PushRequest};

/// The most that a gRPC server takes by default, in bytes.
const MOST_MESSAGE: usize = 4 << 20;

/// What the stand-in does with a request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reply {
    /// HTTP's status; 0 breaks the connection without an answer.
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) text: Vec<u8>,
    /// What follows behind the text; for gRPC the status.
    pub(crate) trailers: Vec<(&'static str, String)>,
}

impl Reply {
    /// Takes the whole request and gives no answer.
    pub(crate) fn lost() -> Reply {
        Reply::default()
    }

    pub(crate) fn http(status: u16, text: &str) -> Reply {
        Reply { status, text: text.as_bytes().to_vec(), ..Reply::default() }
    }

    /// gRPC's answer with a message: this, and the status behind it.
    pub(crate) fn grpc_message(message: &[u8]) -> Reply {
        let text = [&[0][..], &(message.len() as u32).to_be_bytes(), message].concat();
        Reply { status: 200, text, trailers: vec![("grpc-status", "0".into())], ..Reply::default() }
    }

    /// gRPC's answer with a code alone, in the headers, as servers give it before a message.
    pub(crate) fn grpc_code(code: u16, words: &str) -> Reply {
        let headers = vec![("grpc-status", code.to_string()), ("grpc-message", words.to_owned())];
        Reply { status: 200, headers, ..Reply::default() }
    }

    fn is_success(&self) -> bool {
        let told = self.headers.iter().chain(&self.trailers).find(|(name, _)| *name == "grpc-status");
        (200..300).contains(&self.status) && told.is_none_or(|(_, code)| code == "0")
    }
}

/// A request that was read whole.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) headers: HeaderMap,
    /// Bytes of the message.
    pub(crate) raw: usize,
    /// The lines of the events in it, in their order there.
    pub(crate) lines: Vec<String>,
    pub(crate) otlp: Option<ExportLogsServiceRequest>,
    pub(crate) loki: Option<PushRequest>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// All records of an OTLP request.
    pub(crate) fn records(&self) -> Vec<LogRecord> {
        let logs = self.otlp.iter().flat_map(|otlp| &otlp.resource_logs);
        logs.flat_map(|logs| &logs.scope_logs).flat_map(|scope| scope.log_records.clone()).collect()
    }
}

type Script = Arc<Mutex<dyn FnMut(&Request) -> Reply + Send>>;

/// A running stand-in.
#[derive(Clone)]
pub(crate) struct Receiver {
    pub(crate) url: String,
    requests: Arc<Mutex<Vec<Request>>>,
    accepted: Arc<Mutex<Vec<String>>>,
    script: Script,
}

impl Receiver {
    /// Answers as `script` says.
    pub(crate) async fn start(script: impl FnMut(&Request) -> Reply + Send + 'static) -> Receiver {
        Receiver::behind(None, script).await
    }

    /// The same behind TLS, where `tls` is given.
    pub(crate) async fn behind(
        tls: Option<Arc<ServerConfig>>,
        script: impl FnMut(&Request) -> Reply + Send + 'static,
    ) -> Receiver {
        let scheme = if tls.is_some() { "https" } else { "http" };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let receiver = Receiver {
            url: format!("{scheme}://{}", listener.local_addr().unwrap()),
            requests: Arc::default(),
            accepted: Arc::default(),
            script: Arc::new(Mutex::new(script)),
        };
        let serving = receiver.clone();
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                let (serving, tls) = (serving.clone(), tls.clone().map(TlsAcceptor::from));
                tokio::spawn(async move {
                    match tls {
                        None => serving.serve(connection).await,
                        Some(tls) => {
                            if let Ok(connection) = tls.accept(connection).await {
                                serving.serve(connection).await;
                            }
                        }
                    }
                });
            }
        });
        receiver
    }

    async fn serve(self, connection: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
        let service = service_fn(move |request| self.clone().answer(request));
        let server = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
        let _ = server.serve_connection(TokioIo::new(connection), service).await;
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    /// The lines of all requests that were answered with a success, sorted.
    pub(crate) fn lines(&self) -> Vec<String> {
        let mut lines = self.accepted.lock().unwrap().clone();
        lines.sort();
        lines
    }

    async fn answer(
        self,
        request: hyper::Request<Incoming>,
    ) -> Result<hyper::Response<http_body_util::combinators::BoxBody<Bytes, Infallible>>, std::io::Error>
    {
        let (head, body) = request.into_parts();
        let body = body.collect().await.map_err(std::io::Error::other)?.to_bytes();
        let request = checked(&head, &body);
        let reply = {
            let mut script = self.script.lock().unwrap();
            script(&request)
        };
        if reply.is_success() {
            self.accepted.lock().unwrap().extend(request.lines.clone());
        }
        self.requests.lock().unwrap().push(request);
        if reply.status == 0 {
            return Err(std::io::Error::other("the script breaks the connection"));
        }
        let mut response = hyper::Response::builder().status(reply.status);
        for (name, value) in &reply.headers {
            response = response.header(*name, value);
        }
        let mut trailers = HeaderMap::new();
        for (name, value) in reply.trailers {
            trailers.insert(name, value.parse().unwrap());
        }
        let text = Bytes::from(reply.text);
        if trailers.is_empty() {
            return Ok(response.body(Full::new(text).boxed()).unwrap());
        }
        let frames = [Ok(Frame::data(text)), Ok(Frame::trailers(trailers))];
        Ok(response.body(StreamBody::new(futures_util::stream::iter(frames)).boxed()).unwrap())
    }
}

/// The request, after it was held against its protocol.
fn checked(head: &hyper::http::request::Parts, body: &Bytes) -> Request {
    assert_eq!(head.method, "POST");
    let header = |name: &str| head.headers.get(name).map(|value| value.to_str().unwrap());
    assert_eq!(header("user-agent"), Some(concat!("auditrail/", env!("CARGO_PKG_VERSION"))));
    let message = match head.uri.path() {
        "/opentelemetry.proto.collector.logs.v1.LogsService/Export" => {
            assert_eq!(head.version, hyper::Version::HTTP_2);
            assert_eq!((header("content-type"), header("te")), (Some("application/grpc"), Some("trailers")));
            assert_eq!(header("content-encoding"), None);
            let length = u32::from_be_bytes(body[1..5].try_into().unwrap()) as usize;
            assert_eq!(length, body.len() - 5, "one message, whole");
            assert_eq!(body[0], u8::from(header("grpc-encoding").is_some()));
            unpacked(header("grpc-encoding"), &body[5..])
        }
        "/v1/logs" => {
            assert_eq!(header("content-type"), Some("application/x-protobuf"));
            unpacked(header("content-encoding"), body)
        }
        "/loki/api/v1/push" => {
            assert_eq!(header("content-type"), Some("application/x-protobuf"));
            assert_eq!(header("content-encoding"), None);
            snap::raw::Decoder::new().decompress_vec(body).unwrap()
        }
        other => panic!("path {other}"),
    };
    assert!(message.len() <= MOST_MESSAGE, "a message of {} bytes", message.len());
    let mut request = Request {
        headers: head.headers.clone(),
        raw: message.len(),
        lines: Vec::new(),
        otlp: None,
        loki: None,
    };
    if head.uri.path().starts_with("/loki") {
        take_loki(&message, &mut request);
    } else {
        take_otlp(&message, &mut request);
    }
    assert!(!request.lines.is_empty() && request.lines.len() <= 1000, "{} events", request.lines.len());
    request
}

fn unpacked(encoding: Option<&str>, body: &[u8]) -> Vec<u8> {
    match encoding {
        Some("zstd") => zstd::decode_all(body).unwrap(),
        Some("gzip") => {
            let mut raw = Vec::new();
            flate2::read::GzDecoder::new(body).read_to_end(&mut raw).unwrap();
            raw
        }
        Some(other) => panic!("encoding {other}"),
        None => body.to_vec(),
    }
}

fn take_otlp(message: &[u8], request: &mut Request) {
    let otlp = ExportLogsServiceRequest::decode(message).unwrap();
    assert_eq!(otlp.encode_to_vec(), message, "the canonical encoding");
    assert_eq!((otlp.resource_logs.len(), otlp.resource_logs[0].scope_logs.len()), (1, 1));
    request.otlp = Some(otlp);
    request.lines = request.records().into_iter().map(|record| record.body.unwrap().text()).collect();
}

fn take_loki(message: &[u8], request: &mut Request) {
    let loki = PushRequest::decode(message).unwrap();
    assert_eq!(loki.encode_to_vec(), message, "the canonical encoding");
    let mut labels: Vec<&str> = loki.streams.iter().map(|stream| stream.labels.as_str()).collect();
    assert!(labels.iter().all(|labels| labels.starts_with('{') && labels.ends_with("\"}")), "{labels:?}");
    labels.sort_unstable();
    labels.dedup();
    assert_eq!(labels.len(), loki.streams.len(), "one stream for each set of labels");
    for stream in &loki.streams {
        let times: Vec<(i64, i32)> = stream.entries.iter().map(|entry| entry.time()).collect();
        assert!(times.is_sorted(), "{times:?}");
    }
    let entries = loki.streams.iter().flat_map(|stream| &stream.entries);
    request.lines = entries.map(|entry| entry.line.clone()).collect();
    request.loki = Some(loki);
}
