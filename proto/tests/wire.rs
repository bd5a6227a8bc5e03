//! A stage behind gRPC is the same stage: batches, receipts and refusals arrive as they were sent.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use proto::v1::StatusReply;
use proto::v1::admin_client::AdminClient;
use proto::{Batch, Encoding, MAX_LINE_BYTES, Origin, Refusal, Server, Stage, connect, connect_admin, stage};
use tokio::net::TcpListener;
use tower::ServiceExt;

async fn served(behind: Stage) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let server = Server::new(Arc::new(StatusReply::default)).stage(behind);
    tokio::spawn(server.run(listener, std::future::pending()));
    address
}

fn batch(line: &[u8], encoding: Encoding) -> Batch {
    let empty =
        Batch { origin: Some(Origin::default()), queue: vec![1; 16], first: 1, last: 1, ..Batch::default() };
    empty.with_lines([(1, line.len() as u64 + 1, line)], encoding).unwrap()
}

/// A line that no compression makes smaller.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        b' ' + (state % 94) as u8
    };
    (0..length).map(|_| next()).collect()
}

#[tokio::test]
async fn a_line_of_16_mib_passes_and_its_receipt_comes_back() {
    let line = noise(MAX_LINE_BYTES);
    let expected = line.clone();
    let address = served(stage(move |batch: Batch| {
        let expected = expected.clone();
        async move {
            assert!(batch.lines().unwrap()[0].bytes == expected);
            Ok(batch.receipt())
        }
    }))
    .await;
    for encoding in [Encoding::None, Encoding::Zstd, Encoding::Lz4] {
        let sent = batch(&line, encoding);
        let receipt = connect(&address).unwrap().oneshot(sent.clone()).await.unwrap();
        assert_eq!(receipt, sent.receipt());
    }
}

#[tokio::test]
async fn a_refusal_arrives_as_the_one_that_was_given() {
    let given = Refusal::Busy { why: "the spool of `datadog` is full".into() };
    let copy = given.clone();
    let address = served(stage(move |_| std::future::ready(Err(copy.clone())))).await;
    let refused = connect(&address).unwrap().oneshot(batch(b"{}", Encoding::None)).await.unwrap_err();
    assert_eq!(refused, given);
}

#[tokio::test]
async fn a_dishonest_batch_never_reaches_the_stage() {
    let address = served(stage(|batch: Batch| std::future::ready(Ok(batch.receipt())))).await;
    let dishonest = Batch { queue: vec![1], ..batch(b"{}", Encoding::None) };
    let refused = connect(&address).unwrap().oneshot(dishonest).await.unwrap_err();
    assert!(matches!(refused, Refusal::Invalid { .. }), "{refused}");
}

#[tokio::test]
async fn a_stage_that_is_not_there_is_unavailable() {
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let refused = connect(&format!("http://{gone}")).unwrap().oneshot(batch(b"{}", Encoding::None)).await;
    assert!(matches!(refused, Err(Refusal::Unavailable { .. })), "{refused:?}");
}

#[tokio::test]
async fn status_is_answered_on_loopback() {
    let address = served(stage(|batch: Batch| std::future::ready(Ok(batch.receipt())))).await;
    let mut admin: AdminClient<_> = connect_admin(&address).unwrap();
    assert_eq!(admin.status(proto::v1::StatusRequest {}).await.unwrap().into_inner(), StatusReply::default());
}
