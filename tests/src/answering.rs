//! An API server that answers requests, and writes an event for each into its log.
//!
//! Promise: the event has the `Audit-ID` that the request had, as the real one takes it over, and the time that it is.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use lake::Partition;

use crate::apiserver::ApiServer;

/// The server; it answers until the process ends.
pub struct Answering {
    url: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Answering {
    /// Answers every request with 200 and logs it there.
    pub fn start(mut log: ApiServer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::default();
        let ids = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                answer(&stream.unwrap(), &mut log, &ids);
            }
        });
        Answering { url, asked }
    }

    /// Where it listens.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The `Audit-ID` of every request, in their order.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn answer(mut stream: &TcpStream, log: &mut ApiServer, asked: &Mutex<Vec<String>>) {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let Some(first) = lines.next() else { return };
    let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut id = String::new();
    for header in lines.take_while(|line| !line.is_empty()) {
        let (name, value) = header.split_once(':').unwrap_or_default();
        if name.eq_ignore_ascii_case("audit-id") {
            value.trim().clone_into(&mut id);
        }
    }
    let now = written(SystemTime::now());
    let event = serde_json::json!({
        "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "Metadata", "auditID": id,
        "stage": "ResponseComplete", "requestURI": path, "verb": "get",
        "user": {"username": "system:anonymous", "groups": ["system:unauthenticated"]},
        "sourceIPs": ["127.0.0.1"], "responseStatus": {"metadata": {}, "code": 200},
        "requestReceivedTimestamp": now, "stageTimestamp": now,
    });
    log.write(event.to_string().as_bytes());
    asked.lock().unwrap().push(id);
    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}");
}

/// As the audit log writes times.
fn written(time: SystemTime) -> String {
    let us = i64::try_from(time.duration_since(UNIX_EPOCH).unwrap().as_micros()).unwrap();
    let hour = Partition::of(us);
    let within = us - hour.start_us();
    let (seconds, micros) = (within / 1_000_000, within % 1_000_000);
    format!("{}T{:02}:{:02}:{:02}.{micros:06}Z", hour.date(), hour.hour(), seconds / 60, seconds % 60)
}
