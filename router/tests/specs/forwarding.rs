//! Without a policy and without conditions, nothing is looked at.

use proto::{Batch, Encoding, Filtered};

use crate::given::{Given, TOLD, batch, left_out, lines};

const EVERYTHING: &str = "  routes: [{name: all, to: [lake, datadog]}]";

#[tokio::test]
async fn what_is_only_forwarded_arrives_with_the_very_same_block() {
    let given = Given::router(EVERYTHING, &[]);
    // No frame of any encoding: whoever unpacked it would have to refuse it.
    let opaque = Batch {
        block: b"never unpacked".as_slice().into(),
        filtered: vec![Filtered { by: "upstream".into(), numbers: vec![1], read_bytes: vec![9] }],
        numbers: vec![0],
        read_bytes: vec![77],
        last: 101,
        ..batch(&["{}"])
    };
    let receipt = given.push(opaque.clone()).await.unwrap();
    assert_eq!(receipt, opaque.receipt());
    for destination in ["lake", "datadog"] {
        assert_eq!(
            given.shipper.only(destination),
            Batch { destination: destination.into(), ..opaque.clone() }
        );
    }
}

#[tokio::test]
async fn what_a_policy_keeps_whole_arrives_with_the_very_same_block() {
    let policies = [("all", crate::given::policy(&["level: RequestResponse"]))];
    let policies = policies.each_ref().map(|(name, text)| (*name, text.as_str()));
    let given = Given::router("  policy: POLICY(all)\n  routes: [{name: all, to: [lake]}]", &policies);
    let sent = batch(&[TOLD.whole(), TOLD.at("Metadata")]);
    given.push(sent.clone()).await.unwrap();
    assert_eq!(given.shipper.only("lake"), Batch { destination: "lake".into(), ..sent });
}

#[tokio::test]
async fn a_batch_without_events_is_still_pushed() {
    let given = Given::router("  routes: [{name: some, match: {verbs: [get]}, to: [lake]}]", &[]);
    let empty = batch::<&str>(&[]);
    given.push(empty.clone()).await.unwrap();
    assert_eq!(
        (lines(&given.shipper.only("lake")).len(), left_out(&given.shipper.only("lake")).len()),
        (0, 0)
    );
}

#[tokio::test]
async fn a_batch_of_which_nothing_is_left_is_still_pushed_with_its_account() {
    let given = Given::router("  routes: [{name: reads, match: {verbs: [get]}, to: [lake]}]", &[]);
    given.push(batch(&[TOLD.whole(), TOLD.whole()])).await.unwrap();
    let taken = given.shipper.only("lake");
    assert_eq!((taken.events, taken.block_bytes, taken.encoding()), (0, 0, Encoding::None));
    assert_eq!(left_out(&taken), [("no route".to_owned(), vec![0, 1])]);
    assert_eq!(taken.filtered[0].read_bytes, [TOLD.whole().len() as u32 + 1; 2]);
}

#[tokio::test]
async fn what_was_left_out_upstream_is_passed_on() {
    let given = Given::router("  routes: [{name: reads, match: {verbs: [get]}, to: [lake]}]", &[]);
    let upstream = Filtered { by: "blank".into(), numbers: vec![0], read_bytes: vec![1] };
    let sent = Batch { filtered: vec![upstream], numbers: vec![1], last: 101, ..batch(&[TOLD.whole()]) };
    given.push(sent).await.unwrap();
    let expected = [("blank".to_owned(), vec![0]), ("no route".to_owned(), vec![1])];
    assert_eq!(left_out(&given.shipper.only("lake")), expected);
}
