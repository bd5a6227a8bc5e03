//! The HTTP server that every process has, over a real socket.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use chassis::{Ready, Stop, http, listen, metrics};
use tokio::task::JoinHandle;

struct Server {
    address: SocketAddr,
    ready: Ready,
    stop: Stop,
    task: JoinHandle<std::io::Result<()>>,
}

async fn server(more: Router) -> Server {
    let listener = listen::bind("test.http_listen", "127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = listener.local_addr().unwrap();
    let (ready, stop) = (Ready::new(), Stop::new());
    let task = tokio::spawn(http::serve(listener, ready.clone(), more, stop.clone()));
    Server { address, ready, stop, task }
}

impl Server {
    /// The status line's code and the whole answer.
    async fn get(&self, path: &str) -> (u16, String) {
        let (address, path) = (self.address, path.to_owned());
        tokio::task::spawn_blocking(move || ask(address, &path)).await.unwrap()
    }
}

fn ask(address: SocketAddr, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let code = answer.split(' ').nth(1).unwrap().parse().unwrap();
    (code, answer)
}

#[tokio::test]
async fn readyz_names_what_is_not_ready() {
    let server = server(Router::new()).await;
    assert_eq!(server.get("/readyz").await.0, 503);
    server.ready.set_ready("queue");
    server.ready.set_not_ready("next", "http://router:7102 refuses the connection");
    let (code, answer) = server.get("/readyz").await;
    assert_eq!(code, 503);
    assert!(answer.ends_with("\r\n\r\nnext: http://router:7102 refuses the connection\n"), "{answer}");
    server.ready.set_ready("next");
    assert_eq!(server.get("/readyz").await.0, 200);
}

#[tokio::test]
async fn livez_says_which_part_is_stuck_and_why() {
    let server = server(Router::new()).await;
    server.ready.alive().watch("reading", "lines to read", Duration::from_secs(3600), || Some(1));
    assert_eq!(server.get("/livez").await.0, 200);
    server.ready.alive().watch("sending", "events to send", Duration::ZERO, || Some(1));
    server.ready.alive().look();
    let (code, answer) = server.get("/livez").await;
    assert_eq!(code, 503);
    assert!(
        answer.contains("\r\n\r\nsending is stuck: it has events to send, and made no step for"),
        "{answer}"
    );
}

#[tokio::test]
async fn livez_answers_while_nothing_is_ready() {
    assert_eq!(server(Router::new()).await.get("/livez").await.0, 200);
}

#[tokio::test]
async fn metrics_are_open_metrics_text() {
    metrics::counter("auditrail_chassis_http_test_total", "Seen over HTTP").inc();
    let (code, answer) = server(Router::new()).await.get("/metrics").await;
    assert_eq!(code, 200);
    assert!(
        answer.contains("content-type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n"),
        "{answer}"
    );
    assert!(
        answer.contains("auditrail_chassis_http_test_total 1\n") && answer.ends_with("# EOF\n"),
        "{answer}"
    );
}

#[tokio::test]
async fn a_service_adds_its_own_routes() {
    let server = server(Router::new().route("/console", get(async || "hello"))).await;
    assert!(server.get("/console").await.1.ends_with("hello"));
    assert_eq!(server.get("/nothing").await.0, 404);
}

#[tokio::test]
async fn the_server_ends_when_asked_and_the_port_is_free_again() {
    let server = server(Router::new()).await;
    assert_eq!(server.get("/livez").await.0, 200);
    server.stop.request();
    server.task.await.unwrap().unwrap();
    listen::bind("test.http_listen", server.address).await.unwrap();
}

#[tokio::test]
async fn a_client_that_says_nothing_does_not_keep_the_server_from_ending() {
    let server = server(Router::new()).await;
    let silent = TcpStream::connect(server.address).unwrap();
    assert_eq!(server.get("/livez").await.0, 200);
    server.stop.request();
    server.task.await.unwrap().unwrap();
    drop(silent);
}
