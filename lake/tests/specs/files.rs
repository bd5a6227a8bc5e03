//! How the files are made, and what is told without reading rows.

use crate::sample::{empty, filled, lines, numbered, rows};
use lake::{LakeError, Summary};
use parquet::basic::Compression;
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaDataReader};

#[test]
fn the_summary_adds_up_all_files() {
    let lines = lines();
    let open = empty();
    assert_eq!(open.lake.summary().unwrap(), Summary::default());
    for (part, first) in lines.chunks(100).zip((0..).step_by(100)) {
        open.lake.write(&rows(&numbered(part, first))).unwrap();
    }
    let files = open.lake.files().unwrap();
    let summary = open.lake.summary().unwrap();
    assert_eq!((summary.files, summary.rows), (files.len() as u64, lines.len() as u64));
    assert_eq!(summary.bytes, files.iter().map(|file| file.bytes).sum::<u64>());
    // The first and the last `stageTimestamp` of the sample.
    assert_eq!(summary.oldest_us, Some(OLDEST_US));
    assert_eq!(summary.newest_us, Some(NEWEST_US));
}

/// 2026-11-23T05:53:51.024655Z
const OLDEST_US: i64 = 1_795_413_231_024_655;
/// 2026-11-23T06:29:54.633393Z
const NEWEST_US: i64 = 1_795_415_394_633_393;

#[test]
fn a_file_proves_what_it_covers_and_keeps_lines_out_of_its_metadata() {
    let open = filled(&lines());
    let path = open.directory.path().join(&open.lake.files().unwrap()[1].path);
    let mut reader = ParquetMetaDataReader::new().with_page_index_policy(PageIndexPolicy::Required);
    reader.try_parse(&std::fs::File::open(path).unwrap()).unwrap();
    let metadata = reader.finish().unwrap();
    let told: Vec<(String, String)> = metadata
        .file_metadata()
        .key_value_metadata()
        .unwrap()
        .iter()
        .map(|entry| (entry.key.clone(), entry.value.clone().unwrap()))
        .collect();
    let told: Vec<(&str, &str)> = told.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    assert_eq!(
        told,
        [
            ("auditrail.version", "1"),
            ("auditrail.origin", "prod/cp-1:/var/log/kubernetes/apiserver/audit.log"),
            ("auditrail.queue", "07070707070707070707070707070707"),
            ("auditrail.first", "100"),
            ("auditrail.last", "449"),
        ]
    );
    let group = metadata.row_group(0);
    for column in group.columns() {
        assert!(matches!(column.compression(), Compression::ZSTD(_)), "{}", column.column_path());
        let is_raw = column.column_path().string() == "raw";
        assert_eq!(column.statistics().is_none(), is_raw, "{}", column.column_path());
    }
    let sorted = group.sorting_columns().unwrap();
    assert_eq!((sorted[0].column_idx, sorted[0].descending, sorted[0].nulls_first), (0, false, false));
}

#[test]
fn only_the_named_columns_are_read() {
    let open = filled(&lines());
    let file = &open.lake.files().unwrap()[0];
    let batch = open.lake.read(file, &["verb", "time", "annotations"]).unwrap().next().unwrap().unwrap();
    let schema = batch.schema();
    let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    assert_eq!(names, ["time", "verb", "annotations"]);
    let unknown = open.lake.read(file, &["verb", "password"]).unwrap_err();
    assert!(matches!(unknown, LakeError::Column { ref name, .. } if name == "password"), "{unknown}");
}

#[test]
fn large_rows_come_in_small_batches() {
    let large = format!(r#"{{"level":"Request","stage":"Panic","x":"{}"}}"#, "0".repeat(1 << 20));
    let open = filled(&vec![large; 12]);
    let file = &open.lake.files().unwrap()[0];
    let sizes = |column| {
        let batches = open.lake.read(file, &[column]).unwrap();
        batches.map(|batch| batch.unwrap().num_rows()).collect::<Vec<_>>()
    };
    assert_eq!(sizes("stage"), [12]);
    assert!(sizes("raw").iter().all(|rows| *rows <= 4), "{:?}", sizes("raw"));
}

#[test]
fn rows_that_contradict_themselves_are_refused_before_anything_is_written() {
    let open = empty();
    let lines = [(5, &b"{}"[..]), (4, b"{}")];
    let error = open.lake.write(&rows(&lines)).unwrap_err();
    assert!(matches!(error, LakeError::Rows { .. }), "{error}");
    assert_eq!(open.lake.files().unwrap(), []);
}
