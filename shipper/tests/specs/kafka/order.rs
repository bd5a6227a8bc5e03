//! The order of a log, whatever the order in which its batches come in.

use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;

use super::{kafka, lines, to};
use crate::broker::Broker;
use crate::given::{Running, events};

#[tokio::test(flavor = "multi_thread")]
async fn batches_that_overtook_each_other_on_their_way_are_put_in_order() {
    let (directory, broker) = (tempfile::tempdir().unwrap(), Broker::willing().await);
    let running = Running::start(&to(directory.path(), kafka(&broker))).await;
    for first in [31, 21, 1, 11, 51, 41] {
        running.push(events("k", first, first + 9)).await.unwrap();
    }
    running.drain().await;
    assert_eq!(broker.lines(), lines(1, 60));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_that_come_in_at_the_same_time_are_put_in_order() {
    let (directory, broker) = (tempfile::tempdir().unwrap(), Broker::willing().await);
    let running = Running::start(&to(directory.path(), kafka(&broker))).await;
    let mut generator = StdRng::seed_from_u64(7);
    for round in 0..40 {
        let mut firsts: Vec<u64> = (0..6).map(|batch| 1 + 60 * round + 10 * batch).collect();
        firsts.shuffle(&mut generator);
        let pushed = firsts.iter().map(|first| running.push(events("k", *first, first + 9)));
        for receipt in futures_util::future::join_all(pushed).await {
            receipt.unwrap();
        }
        running.drain().await;
    }
    assert_eq!(broker.lines(), lines(1, 40 * 60));
    running.stop().await;
}
