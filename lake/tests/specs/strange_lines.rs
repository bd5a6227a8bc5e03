//! Lines that are no audit events, lie about their time, or are huge: all are kept.

use crate::sample::{RECEIVED_US, filled, raw};
use arrow_array::Array;
use lake::Partition;

#[test]
fn a_line_that_is_no_event_is_kept_with_only_what_the_pipe_knows() {
    let open = filled(&[r#"{"a":1}"#, r#"{"kind":"EventList","items":[]}"#, "{}"]);
    let files = open.lake.files().unwrap();
    assert_eq!(files.iter().map(|file| file.partition).collect::<Vec<_>>(), [Partition::of(RECEIVED_US)]);
    let schema = lake::schema();
    let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    for batch in open.lake.read(&files[0], &names).unwrap() {
        let batch = batch.unwrap();
        for (field, cells) in schema.fields().iter().zip(batch.columns()) {
            let nulls = if field.is_nullable() { batch.num_rows() } else { 0 };
            assert_eq!(cells.null_count(), nulls, "{}", field.name());
        }
    }
    let summary = open.lake.summary().unwrap();
    assert_eq!((summary.rows, summary.oldest_us, summary.newest_us), (3, None, None));
}

#[test]
fn an_event_whose_time_cannot_be_read_goes_by_when_it_was_received() {
    for time in
        ["null", r#""yesterday""#, r#""2026-11-31T00:00:00.000000Z""#, r#""0000-01-01T00:00:00.000000Z""#]
    {
        let line = format!(r#"{{"level":"Metadata","stage":"Panic","verb":"get","stageTimestamp":{time}}}"#);
        let open = filled(&[line]);
        let files = open.lake.files().unwrap();
        assert_eq!(files[0].partition, Partition::of(RECEIVED_US), "{time}");
    }
}

#[test]
fn a_line_of_16_mib_goes_in_and_out_whole() {
    let mut line = br#"{"level":"RequestResponse","stage":"ResponseComplete","verb":"create","x":""#.to_vec();
    let mut state = 1u32; // letters that do not repeat, so that nothing compresses away
    while line.len() < (16 << 20) - 2 {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        line.push(b'a' + u8::try_from(state >> 24).unwrap() % 26);
    }
    line.extend_from_slice(b"\"}");
    let open = filled(&[b"{}".to_vec(), line.clone(), b"{}".to_vec()]);
    let files = open.lake.files().unwrap();
    let back = raw(&open.lake, &files[0]);
    assert!(back.iter().any(|(seq, back)| *seq == 101 && *back == line));
    assert_eq!(back.len(), 3);
}
