//! A receipt is given when all destinations gave theirs, and none is asked twice for it.

use proto::{Batch, Receipt, Refusal};
use router::{Config, Route, Router};
use tower::ServiceExt;

use crate::given::{Given, SlowShipper, TOLD, batch, lines};

const TWO: &str =
    "  routes: [{name: all, to: [lake]}, {name: some, match: {verbs: [create]}, to: [datadog]}]";

fn busy() -> Refusal {
    Refusal::Busy { why: "the spool is full".into() }
}

#[tokio::test]
async fn one_destination_that_refuses_refuses_the_batch_and_the_others_are_not_sent_to_twice() {
    let given = Given::router(TWO, &[]);
    given.shipper.refuse("datadog", busy());
    let sent = batch(&[TOLD.whole()]);
    for _ in 0..3 {
        let refused = given.push(sent.clone()).await.unwrap_err();
        assert_eq!(refused, Refusal::Busy { why: "destination `datadog`: the spool is full".into() });
    }
    assert_eq!((given.shipper.taken("lake").len(), given.shipper.taken("datadog").len()), (1, 0));
    assert!(given.router.status().problems[0].contains("destination `datadog` refuses: busy"));

    given.shipper.recover("datadog");
    assert_eq!(given.push(sent.clone()).await.unwrap(), sent.receipt());
    assert_eq!(lines(&given.shipper.only("datadog")), [TOLD.whole()]);
    assert_eq!(given.shipper.taken("lake").len(), 1);
    assert!(given.router.status().problems.is_empty());
}

#[tokio::test]
async fn a_line_that_one_destination_has_is_not_called_dead_since_another_calls_it_invalid() {
    let given = Given::router(TWO, &[]);
    for never in [Refusal::Invalid { why: "odd".into() }, Refusal::TooLarge { why: "odd".into() }] {
        given.shipper.refuse("datadog", never.clone());
        for _ in 0..2 {
            let refused = given.push(batch(&[TOLD.whole()])).await.unwrap_err();
            assert!(
                matches!(&refused, Refusal::Unavailable { why } if why.contains("`datadog`: odd")),
                "{refused}"
            );
        }
        let several = Batch { first: 200, last: 201, ..batch(&[TOLD.whole(), TOLD.whole()]) };
        let refused = given.push(several).await.unwrap_err();
        assert_eq!(refused.code(), never.code(), "it is divided until the line is found");
    }
    given.shipper.refuse("lake", Refusal::Invalid { why: "odd".into() });
    given.shipper.refuse("datadog", Refusal::Invalid { why: "odd".into() });
    let new = Batch { first: 300, last: 300, ..batch(&[TOLD.whole()]) };
    assert!(matches!(given.push(new).await.unwrap_err(), Refusal::Invalid { .. }), "nobody has it");
}

#[tokio::test]
async fn a_batch_that_comes_again_after_its_receipt_is_answered_at_once_and_as_repeated() {
    let given = Given::router(TWO, &[]);
    let sent = batch(&[TOLD.whole()]);
    assert!(!given.push(sent.clone()).await.unwrap().repeated);
    assert_eq!(given.push(sent.clone()).await.unwrap(), Receipt { repeated: true, ..sent.receipt() });
    assert_eq!((given.shipper.taken("lake").len(), given.shipper.taken("datadog").len()), (1, 1));
}

#[tokio::test]
async fn another_range_another_queue_and_another_origin_are_other_batches() {
    let given = Given::router(TWO, &[]);
    let sent = batch(&[TOLD.whole()]);
    let origin = proto::Origin { node: "other".into(), ..sent.origin.clone().unwrap() };
    let others = [
        sent.clone(),
        Batch { first: 101, last: 101, ..sent.clone() },
        Batch { queue: vec![8; 16], ..sent.clone() },
        Batch { origin: Some(origin), ..sent },
    ];
    for batch in others {
        assert!(!given.push(batch).await.unwrap().repeated);
    }
    assert_eq!(given.shipper.taken("lake").len(), 4);
}

#[tokio::test]
async fn of_several_refusals_the_most_telling_one_is_told() {
    let given = Given::router(TWO, &[]);
    given.shipper.refuse("lake", busy());
    given.shipper.refuse("datadog", Refusal::Unauthorised { why: "the key was rejected".into() });
    let refused = given.push(batch(&[TOLD.whole()])).await.unwrap_err();
    let why = "destination `datadog`: the key was rejected (and 1 more refuse)".to_owned();
    assert_eq!(refused, Refusal::Unauthorised { why });
}

#[tokio::test]
async fn what_is_no_batch_is_invalid_and_goes_nowhere() {
    let given = Given::router(TWO, &[]);
    let dishonest = [
        Batch { queue: vec![1], ..batch(&["{}"]) },
        Batch { events: 2, last: 200, ..batch(&["{}"]) },
        Batch { block: b"damaged".as_slice().into(), ..batch(&["{}"]) },
    ];
    for batch in dishonest {
        let refused = given.push(batch).await.unwrap_err();
        assert!(matches!(refused, Refusal::Invalid { .. }), "{refused}");
    }
    assert!(given.shipper.taken("lake").is_empty() && given.shipper.taken("datadog").is_empty());
}

#[tokio::test]
async fn a_receipt_for_another_batch_is_none() {
    let strange = proto::stage(|batch: Batch| {
        std::future::ready(Ok(Receipt { last: batch.last + 1, ..batch.receipt() }))
    });
    let config = Config { routes: vec![Route::everything("all", ["lake"])], ..Config::default() };
    let stage = Router::new(&config, strange).unwrap().stage();
    let refused = stage.oneshot(batch(&["{}"])).await.unwrap_err();
    assert!(matches!(refused, Refusal::Unavailable { .. }), "{refused}");
}

#[tokio::test]
async fn more_batches_than_may_be_held_are_busy_and_the_rest_goes_on() {
    let slow = SlowShipper::default();
    let (config, _dir) = crate::given::config("  max_held: 1KiB\n  routes: [{name: all, to: [lake]}]", &[]);
    let stage = Router::new(&config.unwrap(), slow.stage()).unwrap().stage();
    let first = tokio::spawn(stage.clone().oneshot(batch(&["{}"])));
    slow.asked().await;
    let refused = stage.oneshot(Batch { last: 102, ..batch(&["{}"]) }).await.unwrap_err();
    assert!(matches!(&refused, Refusal::Busy { why } if why.contains("max_held")), "{refused}");
    slow.answer();
    first.await.unwrap().unwrap();
}

#[tokio::test]
async fn destinations_are_asked_at_the_same_time_and_the_receipt_waits_for_the_last() {
    let slow = SlowShipper::default();
    let routes = vec![Route::everything("all", ["lake", "datadog"])];
    let stage = Router::new(&Config { routes, ..Config::default() }, slow.stage()).unwrap().stage();
    let sent = batch(&["{}"]);
    let pushed = tokio::spawn(stage.oneshot(sent.clone()));
    slow.asked().await;
    slow.asked().await;
    slow.answer();
    tokio::task::yield_now().await;
    assert!(!pushed.is_finished());
    slow.answer();
    assert_eq!(pushed.await.unwrap().unwrap(), sent.receipt());
}
