//! `up` with a webhook: what is posted is delivered, without a log to follow.

#![allow(clippy::unwrap_used)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A running `up`, killed when the spec ends.
struct Up(Child);

impl Drop for Up {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

fn auditrail(scratch: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_auditrail"));
    let config = scratch.join("auditrail.yaml");
    let text = "collector: {webhook: {listen: '127.0.0.1:0', insecure: true}}\n";
    std::fs::write(&config, text).unwrap();
    let to = format!("file:{}", scratch.join("out.log").display());
    command.arg("up").arg("--config").arg(config).arg("--data").arg(scratch.join("data")).args(["--to", &to]);
    command
}

/// Posts a body and gives the answer.
fn post(address: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    let length = body.len();
    let head = format!(
        "POST /audit?timeout=30s HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n"
    );
    stream.write_all((head + body).as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn what_is_posted_is_delivered_without_a_log_to_follow() {
    let scratch = tempfile::tempdir().unwrap();
    let mut child = auditrail(scratch.path()).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
    let _up = Up(child);
    let line = said.find(|line| line.contains("webhook at http://")).expect("it says where its webhook is");
    let address = line.split("webhook at http://").nth(1).unwrap().split('/').next().unwrap();
    std::thread::spawn(move || said.for_each(drop)); // so that it never waits for us
    let body = "{\"kind\":\"EventList\",\"apiVersion\":\"audit.k8s.io/v1\",\"metadata\":{},\"items\":[{\"auditID\":\"1\"},{\"auditID\":\"2\"}]}\n";
    for _ in 0..2 {
        let answer = post(address, body);
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    }
    let line =
        |id: u32| format!("{{\"kind\":\"Event\",\"apiVersion\":\"audit.k8s.io/v1\",\"auditID\":\"{id}\"}}\n");
    let (expected, deadline) = (line(1) + &line(2), Instant::now() + Duration::from_secs(60));
    loop {
        let written = std::fs::read_to_string(scratch.path().join("out.log")).unwrap_or_default();
        assert!(expected.starts_with(&written), "{written}");
        if written == expected {
            break;
        }
        assert!(Instant::now() < deadline, "never delivered; there is {written:?}");
        std::thread::yield_now();
    }
}

#[test]
fn reading_once_needs_a_log_and_opens_no_webhook() {
    let scratch = tempfile::tempdir().unwrap();
    let output = auditrail(scratch.path()).arg("--once").output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(64), "{said}");
    assert!(said.contains("no log to read"), "{said}");
}
