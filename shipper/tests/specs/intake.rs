//! A stand-in for an HTTP intake: it answers by a script, breaks connections where the script says so, and holds every
//! request against its protocol.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A protocol: what a request has to look like, and what it carries.
#[derive(Clone, Copy)]
pub(crate) struct Protocol {
    /// The target of the request line.
    pub(crate) target: &'static str,
    /// What else may be asked there, with a body that carries no items.
    pub(crate) beside: Option<&'static str>,
    /// Most bytes of a body before compression.
    pub(crate) most_bytes: usize,
    /// Most items of a body.
    pub(crate) most_items: usize,
    /// The items of a body, each with the line that it carries; panics where the body is none of the protocol.
    pub(crate) items: fn(&[u8]) -> Vec<(Value, String)>,
}

/// Datadog's logs intake.
pub(crate) const DATADOG: Protocol = Protocol {
    target: "/api/v2/logs",
    beside: None,
    most_bytes: 5_000_000,
    most_items: 1000,
    items: datadog,
};

fn datadog(raw: &[u8]) -> Vec<(Value, String)> {
    let items: Vec<&serde_json::value::RawValue> = serde_json::from_slice(raw).unwrap();
    assert!(items.iter().all(|item| item.get().len() <= 1_000_000));
    let read = |item: &&serde_json::value::RawValue| {
        let item: Value = serde_json::from_str(item.get()).unwrap();
        let line = item["message"].as_str().unwrap().to_owned();
        (item, line)
    };
    items.iter().map(read).collect()
}

/// What the stand-in does with a request.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// Answers.
    Status(u16),
    /// Answers with a header line and a text.
    Told(u16, String, String),
    /// Answers after a while.
    Slow(Duration, Box<Reply>),
    /// Breaks the connection after the first bytes of the body.
    BreakBody,
    /// Takes the whole request and breaks the connection without an answer.
    BreakAnswer,
    /// Sends the status line of a success and breaks off in the text behind it.
    BreakText,
}

/// A request that was read whole.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// The request line and the headers.
    pub(crate) head: String,
    /// Bytes of the body after it was unpacked.
    pub(crate) raw: usize,
    /// The body as it was sent.
    pub(crate) sent: Vec<u8>,
    /// The items; none in the question that is put to the script before the body is read.
    pub(crate) items: Vec<Value>,
    /// The line that each item carries.
    pub(crate) lines: Vec<String>,
}

impl Request {
    fn unread(head: String) -> Request {
        Request { head, raw: 0, sent: Vec::new(), items: Vec::new(), lines: Vec::new() }
    }

    /// The line of each item.
    pub(crate) fn messages(&self) -> Vec<String> {
        self.lines.clone()
    }

    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
        })
    }
}

type Script = Arc<Mutex<dyn FnMut(&Request) -> Reply + Send>>;

/// A running stand-in.
#[derive(Clone)]
pub(crate) struct Intake {
    pub(crate) url: String,
    protocol: Protocol,
    requests: Arc<Mutex<Vec<Request>>>,
    accepted: Arc<Mutex<Vec<(Value, String)>>>,
    script: Arc<Mutex<Script>>,
}

impl Intake {
    /// Datadog's intake, which answers as `script` says.
    pub(crate) async fn start(script: impl FnMut(&Request) -> Reply + Send + 'static) -> Intake {
        Intake::speaking(DATADOG, script).await
    }

    /// Speaks a protocol, and answers as `script` says.
    pub(crate) async fn speaking(
        protocol: Protocol,
        script: impl FnMut(&Request) -> Reply + Send + 'static,
    ) -> Intake {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let intake = Intake {
            url: format!("http://{}", listener.local_addr().unwrap()),
            protocol,
            requests: Arc::default(),
            accepted: Arc::default(),
            script: Arc::new(Mutex::new(Arc::new(Mutex::new(script)))),
        };
        let serving = intake.clone();
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                tokio::spawn(serving.clone().serve(connection));
            }
        });
        intake
    }

    /// Takes everything.
    pub(crate) async fn willing() -> Intake {
        Intake::start(|_| Reply::Status(202)).await
    }

    /// Answers as `script` says from now on.
    pub(crate) fn now(&self, script: impl FnMut(&Request) -> Reply + Send + 'static) {
        *self.script.lock().unwrap() = Arc::new(Mutex::new(script));
    }

    /// All requests so far.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    /// The items of all requests that were answered with a success, in order of arrival.
    pub(crate) fn accepted(&self) -> Vec<Value> {
        self.accepted.lock().unwrap().iter().map(|(item, _)| item.clone()).collect()
    }

    /// The lines of [`Intake::accepted`], sorted.
    pub(crate) fn messages(&self) -> Vec<String> {
        let mut messages: Vec<String> =
            self.accepted.lock().unwrap().iter().map(|(_, line)| line.clone()).collect();
        messages.sort();
        messages
    }

    async fn serve(self, mut connection: TcpStream) {
        let mut buffer = Vec::new();
        loop {
            let Some((head, length)) = read_head(&mut connection, &mut buffer).await else { return };
            let breaks = {
                let script = self.script.lock().unwrap().clone();
                let empty = Request::unread(head.clone());
                matches!(script.lock().unwrap()(&empty), Reply::BreakBody)
            };
            if breaks {
                self.requests.lock().unwrap().push(Request::unread(head));
                return;
            }
            while buffer.len() < length {
                if connection.read_buf(&mut buffer).await.unwrap_or(0) == 0 {
                    return;
                }
            }
            let body: Vec<u8> = buffer.drain(..length).collect();
            let request = checked(&self.protocol, head, body);
            let script = self.script.lock().unwrap().clone();
            let reply = script.lock().unwrap()(&request);
            self.requests.lock().unwrap().push(request.clone());
            if !self.answer(&mut connection, &request, reply).await {
                return;
            }
        }
    }

    /// False when the connection is over.
    async fn answer(&self, connection: &mut TcpStream, request: &Request, mut reply: Reply) -> bool {
        if let Reply::Slow(time, then) = reply {
            tokio::time::sleep(time).await; // a slow intake
            reply = *then;
        }
        let (code, header, text) = match reply {
            Reply::Status(code) => (code, String::new(), String::new()),
            Reply::Told(code, header, text) => (code, header + "\r\n", text),
            Reply::BreakAnswer | Reply::BreakBody | Reply::Slow(..) => return false,
            Reply::BreakText => {
                self.accept(request);
                let _ = connection.write_all(b"HTTP/1.1 202 X\r\ncontent-length: 100\r\n\r\n{").await;
                return false;
            }
        };
        if (200..300).contains(&code) {
            self.accept(request);
        }
        let answer = format!("HTTP/1.1 {code} X\r\n{header}content-length: {}\r\n\r\n{text}", text.len());
        connection.write_all(answer.as_bytes()).await.is_ok()
    }

    fn accept(&self, request: &Request) {
        let items = request.items.iter().cloned().zip(request.lines.iter().cloned());
        self.accepted.lock().unwrap().extend(items);
    }
}

async fn read_head(connection: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<(String, usize)> {
    let end = loop {
        if let Some(at) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            break at + 4;
        }
        if connection.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(buffer.drain(..end).collect()).unwrap();
    let length = head
        .lines()
        .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse().ok());
    Some((head, length.expect("a request has a content-length")))
}

/// The request, after it was held against limits and form.
pub(crate) fn checked(protocol: &Protocol, head: String, body: Vec<u8>) -> Request {
    if protocol.beside.is_some_and(|beside| head.starts_with(&format!("POST {beside}"))) {
        return Request { sent: body, ..Request::unread(head) };
    }
    assert!(head.starts_with(&format!("POST {} HTTP/1.1\r\n", protocol.target)), "{head}");
    let mut request = Request::unread(head);
    let raw = match request.header("content-encoding").as_deref() {
        Some("zstd") => zstd::decode_all(body.as_slice()).unwrap(),
        Some("gzip") => {
            let mut raw = Vec::new();
            std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(body.as_slice()), &mut raw).unwrap();
            raw
        }
        Some(other) => panic!("content-encoding {other}"),
        None => body.clone(),
    };
    assert!(raw.len() <= protocol.most_bytes, "a body of {} bytes", raw.len());
    (request.items, request.lines) = (protocol.items)(&raw).into_iter().unzip();
    let items = request.items.len();
    assert!(items > 0 && items <= protocol.most_items, "{items} items");
    (request.raw, request.sent) = (raw.len(), body);
    request
}
