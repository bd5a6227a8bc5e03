//! Insight as a process would run it: admin calls over gRPC, the console over HTTP, an orderly end.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use chassis::Stop;
use insight::Config;
use lake::{Lake, Rows};
use proto::v1::StatusRequest;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

const LOOPBACK: Ipv4Addr = Ipv4Addr::LOCALHOST;

type Served = JoinHandle<anyhow::Result<()>>;

fn free() -> SocketAddr {
    TcpListener::bind((LOOPBACK, 0)).unwrap().local_addr().unwrap()
}

async fn get(served: &Served, address: SocketAddr, path: &str) -> String {
    let mut connection = loop {
        match TcpStream::connect(address).await {
            Ok(connection) => break connection,
            Err(error) => assert!(!served.is_finished(), "{error}"), // not bound yet
        }
        tokio::task::yield_now().await;
    };
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    connection.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn status_console_and_health_are_served_until_asked_to_stop() {
    let directory = tempfile::tempdir().unwrap();
    let url = directory.path().to_str().unwrap().to_owned();
    let line = br#"{"level":"Metadata","stage":"Panic","stageTimestamp":"2026-11-23T06:00:00.000001Z"}"#;
    let rows = Rows {
        origin: "prod/cp-1",
        cluster: "prod",
        node: "cp-1",
        queue: [7; 16],
        first: 1,
        last: 1,
        received_us: 0,
        lines: &[(1, line)],
    };
    Lake::open(&url).unwrap().write(&rows).unwrap();
    let config =
        Config { lake: lake::Location::of(&url), listen: free(), http_listen: free(), ..Config::default() };
    let stop = Stop::new();
    let served = tokio::spawn(insight::serve(config.clone(), stop.clone()));

    let page = get(&served, config.http_listen, "/").await;
    assert!(page.starts_with("HTTP/1.1 200") && page.contains("2026-11-23T06:00:00.000001Z"), "{page}");
    assert!(get(&served, config.http_listen, "/readyz").await.starts_with("HTTP/1.1 200"));
    assert!(get(&served, config.http_listen, "/metrics").await.contains("auditrail_insight_lake_events 1"));
    assert!(get(&served, config.http_listen, "/api/status").await.contains(r#""service":"insight""#));

    let mut admin = proto::connect_admin(&format!("http://{}", config.listen)).unwrap();
    let reply = admin.status(StatusRequest {}).await.unwrap().into_inner();
    let service = &reply.services[0];
    let lake = service.lake.as_ref().unwrap();
    assert_eq!((service.service.as_str(), service.problems.len()), ("insight", 0));
    assert_eq!((lake.files, lake.rows, lake.oldest_us), (1, 1, 1_795_413_600_000_001));
    assert_eq!(lake.url, url);

    stop.request();
    served.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_lake_that_cannot_be_opened_ends_it_with_the_reason() {
    let directory = tempfile::tempdir().unwrap();
    let taken = directory.path().join("taken");
    std::fs::write(&taken, "a file").unwrap();
    let config = Config { lake: lake::Location::of(taken.to_str().unwrap()), ..Config::default() };
    let error = insight::serve(config, Stop::new()).await.unwrap_err();
    assert!(format!("{error:#}").starts_with("insight.lake: lake "), "{error:#}");
}
