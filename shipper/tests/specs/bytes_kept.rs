//! Original bytes, whole where the destination can have them, shrunk and marked where it cannot.

use shipper::{Destination, File, Lake};

use crate::given::{self, Running, batch, config, count, event, large_event};
use crate::intake::Intake;

#[tokio::test(flavor = "multi_thread")]
async fn a_line_of_three_megabytes_is_whole_in_file_and_lake_and_shrunk_for_datadog() {
    let directory = tempfile::tempdir().unwrap();
    let intake = Intake::willing().await;
    let (file, lake) = (directory.path().join("copy.log"), directory.path().join("lake"));
    let lake_url = lake.to_string_lossy().into_owned();
    let destinations = [
        ("dd", given::datadog(&intake.url)),
        ("file", Destination::File(File::at(file.clone()))),
        ("lake", Destination::Lake(Lake::at(lake_url.clone()))),
    ];
    let running = Running::start(&config(directory.path(), &destinations)).await;
    let lines = [event(1), large_event(2, 3_000_000), event(3)];
    for name in ["dd", "file", "lake"] {
        running.push(batch(name, 1, &lines)).await.unwrap();
    }
    running.drain().await;
    assert_eq!(std::fs::read_to_string(&file).unwrap(), lines.join("\n") + "\n");
    assert_eq!(raw_lines(&lake_url), lines.map(String::into_bytes));
    let messages = intake.messages();
    assert_eq!([&messages[0], &messages[2]], [&event(1), &event(3)]);
    let shrunk: serde_json::Value = serde_json::from_str(&messages[1]).unwrap();
    assert!(messages[1].len() < 1_000_000 && shrunk["annotations"]["auditrail.dev/removed"].is_string());
    assert_eq!(count(&running.account("dd").shrunk), 1);
    assert_eq!(
        running.account("dd").delivered,
        running.account("file").delivered,
        "counted as they were read"
    );
    assert_eq!(count(&running.account("lake").delivered), 3);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_utf8_is_kept_by_file_and_lake_and_replaced_and_counted_for_datadog() {
    let directory = tempfile::tempdir().unwrap();
    let intake = Intake::willing().await;
    let (file, lake) = (directory.path().join("copy.log"), directory.path().join("lake"));
    let lake_url = lake.to_string_lossy().into_owned();
    let destinations = [
        ("dd", given::datadog(&intake.url)),
        ("file", Destination::File(File::at(file.clone()))),
        ("lake", Destination::Lake(Lake::at(lake_url.clone()))),
    ];
    let running = Running::start(&config(directory.path(), &destinations)).await;
    let line = b"{\"kind\":\"Event\",\"verb\":\"\xff\xc3(\"}".to_vec();
    for name in ["dd", "file", "lake"] {
        running.push(batch(name, 1, &[&line])).await.unwrap();
    }
    running.drain().await;
    assert_eq!(intake.messages(), ["{\"kind\":\"Event\",\"verb\":\"\u{fffd}\u{fffd}(\"}"]);
    assert_eq!(count(&running.account("dd").replaced_utf8), 1);
    let mut expected = line.clone();
    expected.push(b'\n');
    assert_eq!(std::fs::read(&file).unwrap(), expected);
    assert_eq!(raw_lines(&lake_url), [line]);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_cannot_be_shrunk_is_a_dead_letter_for_datadog_alone() {
    let directory = tempfile::tempdir().unwrap();
    let intake = Intake::willing().await;
    let file = directory.path().join("copy.log");
    let destinations =
        [("dd", given::datadog(&intake.url)), ("file", Destination::File(File::at(file.clone())))];
    let running = Running::start(&config(directory.path(), &destinations)).await;
    let lines = [event(1), format!("{{\"other\":\"{}\"}}", "x".repeat(1_500_000)), event(3)];
    for name in ["dd", "file"] {
        running.push(batch(name, 1, &lines)).await.unwrap();
    }
    running.drain().await;
    assert_eq!(intake.messages(), [event(1), event(3)]);
    assert_eq!(given::named(&running.account("dd").dead), [("too large".to_owned(), 1)].into());
    assert_eq!(std::fs::metadata(&file).unwrap().len() as usize, lines.join("\n").len() + 1);
    running.stop().await;
}

/// The column `raw` of all files of a lake, in order of `seq`.
fn raw_lines(url: &str) -> Vec<Vec<u8>> {
    use arrow_array::Array;
    let lake = lake::Lake::open(url).unwrap();
    let mut lines = Vec::new();
    for file in lake.files().unwrap() {
        for rows in lake.read(&file, &["seq", "raw"]).unwrap() {
            let rows = rows.unwrap();
            let raw = rows.column_by_name("raw").unwrap();
            let raw = raw.as_any().downcast_ref::<arrow_array::BinaryArray>().unwrap();
            let seq = rows.column_by_name("seq").unwrap();
            let seq = seq.as_any().downcast_ref::<arrow_array::Int64Array>().unwrap();
            lines.extend((0..rows.num_rows()).map(|row| (seq.value(row), raw.value(row).to_vec())));
        }
    }
    lines.sort();
    lines.into_iter().map(|(_, line)| line).collect()
}
