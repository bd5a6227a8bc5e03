//! A line is taken once, however often and in whatever pieces it is sent.

use proto::{Batch, Count, Origin, Refusal};
use shipper::{Destination, File, Stdout};

use crate::given::{Running, balances, config, count, event, events, named, with_filtered};
use crate::{given, intake::Intake};

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_sent_again_is_recognised_also_after_a_start() {
    let directory = tempfile::tempdir().unwrap();
    let intake = Intake::willing().await;
    let config = config(directory.path(), &[("dd", given::datadog(&intake.url))]);
    let running = Running::start(&config).await;
    assert!(!running.push(events("dd", 1, 10)).await.unwrap().repeated);
    assert!(running.push(events("dd", 1, 10)).await.unwrap().repeated);
    assert!(running.push(events("dd", 3, 7)).await.unwrap().repeated, "a part of it is recognised too");
    running.drain().await;
    running.stop().await;
    let running = Running::start(&config).await;
    assert!(running.push(events("dd", 1, 10)).await.unwrap().repeated);
    let account = running.account("dd");
    assert_eq!((account.repeated_batches, account.watermark, count(&account.received)), (3, 10, 10));
    assert_eq!(intake.messages().len(), 10);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_batch_that_was_partly_taken_only_the_rest_is_taken() {
    let directory = tempfile::tempdir().unwrap();
    let intake = Intake::willing().await;
    let running = Running::start(&config(directory.path(), &[("dd", given::datadog(&intake.url))])).await;
    running.push(events("dd", 5, 8)).await.unwrap();
    let mut whole = events("dd", 1, 12);
    whole.last = 14;
    let whole = with_filtered(whole, "rule 3", &[12, 13], 50);
    assert!(!running.push(whole.clone()).await.unwrap().repeated);
    assert!(running.push(whole).await.unwrap().repeated);
    running.drain().await;
    let expected: Vec<String> = (1..=12).map(event).collect();
    assert_eq!(intake.messages(), expected);
    let account = running.account("dd");
    assert_eq!((count(&account.received), account.watermark), (14, 14));
    assert_eq!(named(&account.filtered), [("rule 3".to_owned(), 2)].into());
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn filtered_lines_are_counted_once_when_only_some_of_them_are_new() {
    let directory = tempfile::tempdir().unwrap();
    let running = Running::idle(&config(directory.path(), &[("out", Destination::Stdout(Stdout {}))])).await;
    let none: [&str; 0] = [];
    let filtered = |first: u64, count: u32| {
        let mut batch =
            given::batch("out", first, &["x"]).with_lines(no_lines(&none), proto::Encoding::None).unwrap();
        batch.last = first + u64::from(count) - 1;
        with_filtered(batch, "no route", &(0..count).collect::<Vec<_>>(), 100)
    };
    running.push(filtered(1, 10)).await.unwrap();
    running.push(filtered(6, 10)).await.unwrap();
    let account = running.account("out");
    assert_eq!(named(&account.filtered), [("no route".to_owned(), 15)].into());
    assert_eq!(account.received.unwrap().bytes, 1500);
    assert_eq!(running.status("out").spool.unwrap().records, 0);
    running.stop().await;
}

fn no_lines<'a>(none: &'a [&'a str]) -> impl Iterator<Item = (u64, u64, &'a [u8])> {
    none.iter().map(|line| (0, 0, line.as_bytes()))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_batch_from_two_senders_at_once_is_taken_once() {
    let directory = tempfile::tempdir().unwrap();
    let intake = Intake::willing().await;
    let running = Running::start(&config(directory.path(), &[("dd", given::datadog(&intake.url))])).await;
    let pushes = (0..16).map(|n| running.push(events("dd", 1 + n % 3, 20 + n % 5)));
    for receipt in futures_util::future::join_all(pushes).await {
        receipt.unwrap();
    }
    running.drain().await;
    let expected: Vec<String> = (1..=24).map(event).collect();
    assert_eq!(intake.messages(), expected);
    assert_eq!(count(&running.account("dd").received), 24);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn origins_and_queues_are_told_apart_and_tags_are_not() {
    let directory = tempfile::tempdir().unwrap();
    let running = Running::idle(&config(directory.path(), &[("out", Destination::Stdout(Stdout {}))])).await;
    let first = events("out", 1, 5);
    let mut tagged = first.clone();
    tagged.origin = Some(Origin { tags: vec!["other:tag".into()], ..given::origin() });
    let mut elsewhere = first.clone();
    elsewhere.origin = Some(Origin { path: "/other".into(), ..given::origin() });
    let mut anew = first.clone();
    anew.queue = vec![8; 16];
    let repeated =
        [first, tagged, elsewhere, anew].map(|batch| async { running.push(batch).await.unwrap().repeated });
    let mut outcomes = Vec::new();
    for push in repeated {
        outcomes.push(push.await);
    }
    assert_eq!(outcomes, [false, true, false, false]);
    assert_eq!(running.accounts("out").len(), 3);
    running.accounts("out").iter().for_each(balances);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_for_a_destination_that_nobody_configured_is_kept_by_its_sender() {
    let directory = tempfile::tempdir().unwrap();
    let running = Running::idle(&config(directory.path(), &[("out", Destination::Stdout(Stdout {}))])).await;
    let refused = running.push(events("typo", 1, 5)).await.unwrap_err();
    assert!(matches!(refused, Refusal::Unavailable { .. }), "{refused}");
    assert!(refused.why().contains("`typo`") && refused.why().contains("out"), "{refused}");
    let mut dishonest = events("out", 1, 5);
    dishonest.block_bytes += 1;
    assert!(matches!(running.push(dishonest).await, Err(Refusal::Invalid { .. })));
    assert!(running.accounts("out").is_empty());
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_destination_says_what_went_by_before_it_was_added_and_while_it_was_taken_out() {
    let directory = tempfile::tempdir().unwrap();
    let out = |name: &str| Destination::File(File::at(directory.path().join(name)));
    let before = |batch: Batch, events| Batch { events_before: events, bytes_before: events * 10, ..batch };
    let both = config(directory.path(), &[("a", out("a")), ("b", out("b"))]);
    let only_b = config(directory.path(), &[("b", out("b"))]);

    let running = Running::start(&both).await;
    running.push(before(events("a", 31, 40), 30)).await.unwrap();
    running.push(before(events("a", 21, 30), 20)).await.unwrap();
    let account = running.account("a");
    assert_eq!((account.missed, account.rejoins), (Some(Count { events: 20, bytes: 200 }), None));
    running.stop().await;
    Running::start(&only_b).await.stop().await;
    let running = Running::start(&both).await;
    assert_eq!(count(&running.account("a").rejoins), 40);
    running.push(before(events("a", 51, 60), 50)).await.unwrap();
    running.stop().await;

    let running = Running::start(&both).await;
    running.push(before(events("a", 71, 80), 70)).await.unwrap();
    let account = running.account("a");
    assert_eq!((count(&account.missed), account.rejoins), (30, None), "the last gap is none of its absences");
    running.stop().await;
}
