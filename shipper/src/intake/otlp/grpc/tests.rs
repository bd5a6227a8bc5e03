//! What gRPC's statuses are read as.

use super::*;
use crate::config::{self, OtlpProtocol};
use crate::intake::protobuf::{put_bytes, put_int};

fn answer(code: u16, message: &str, details: Option<String>) -> (u16, Option<String>, String) {
    let mut headers = HeaderMap::new();
    headers.insert("grpc-message", message.parse().unwrap());
    if let Some(details) = details {
        headers.insert("grpc-status-details-bin", details.parse().unwrap());
    }
    match failed(code, &headers) {
        Answer::Status { code, retry_after, words } => (code, retry_after, words),
        other => panic!("{other:?}"),
    }
}

fn details(seconds: u64, nanos: u64, name: &str) -> String {
    let (mut delay, mut info, mut any, mut status) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    put_int(1, seconds, &mut delay);
    put_int(2, nanos, &mut delay);
    put_bytes(1, &delay, &mut info);
    put_bytes(1, name.as_bytes(), &mut any);
    put_bytes(2, &info, &mut any);
    put_int(1, 8, &mut status);
    put_bytes(3, b"\x0a\x01x", &mut status);
    put_bytes(3, &any, &mut status);
    base64::engine::general_purpose::STANDARD_NO_PAD.encode(status)
}

#[test]
fn every_code_of_grpc_has_its_verdict() {
    let config = config::Otlp::at(None, OtlpProtocol::Grpc);
    let client = Client::http2(config.base(), &config.reach()).unwrap();
    let grpc = Grpc { dialect: Arc::new(Otlp::new(&config).unwrap()), client, key: None };
    for (codes, expected) in [
        (&[0, 200][..], Verdict::Delivered),
        (&[5, 7, 9, 12, 16, 301, 400, 401, 403, 404, 415, 464], Verdict::Hold),
        (&[413], Verdict::Split),
        (&[3, 6], Verdict::Reject),
        (&[1, 2, 4, 8, 10, 11, 13, 14, 15, 408, 429, 500, 502, 503], Verdict::Again),
    ] {
        for &code in codes {
            assert_eq!(grpc.verdict(code), expected, "{code}");
        }
    }
    assert!(grpc.advice(16).contains("auth") && grpc.advice(12).contains("protocol"));
    assert!(grpc.advice(415).contains("protocol") && grpc.advice(407).contains("proxy"));
}

#[test]
fn a_message_that_is_too_large_is_known_by_what_the_receiver_says() {
    for (code, words) in [
        (8, "grpc: received message larger than max (5000000 vs. 4194304)"),
        (8, "grpc: received message after decompression larger than max 4194304"),
        (8, "gRPC message exceeds maximum size 4194304: 5000000"),
        (11, "Error, decoded message length too large: found 5000000 bytes, the limit is: 4194304 bytes"),
    ] {
        assert_eq!(answer(code, words, None).0, 413, "{words}");
    }
    assert_eq!(answer(8, "quota exhausted", None).0, 8);
    assert_eq!(answer(14, "larger than max", None).0, 14);
}

#[test]
fn what_a_status_says_is_told_in_words_and_the_wish_to_wait_is_kept() {
    let retry = details(7, 1, "type.googleapis.com/google.rpc.RetryInfo");
    let (code, wish, words) = answer(14, "zu viel: 100%25 %C3%A4rger%2", Some(retry));
    assert_eq!((code, wish.as_deref()), (14, Some("8")));
    assert_eq!(words, "UNAVAILABLE: zu viel: 100% ärger%2");
    let (_, wish, words) = answer(99, "", Some(details(7, 0, "type.googleapis.com/google.rpc.Help")));
    assert_eq!((wish, words.as_str()), (None, "no code of gRPC's:"));
    assert_eq!(answer(14, "", Some("***".into())).1, None);
}

#[test]
fn a_message_is_framed_with_its_length() {
    assert_eq!(framed(b"abc", true), b"\x01\0\0\0\x03abc"[..]);
    assert_eq!(framed(b"", false), b"\0\0\0\0\0"[..]);
}
