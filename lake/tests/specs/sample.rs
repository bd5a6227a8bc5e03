//! Real events of a real API server, and the noise of writing and reading them.
#![allow(dead_code, reason = "two test binaries share these helpers and neither uses all of them")]

use arrow_array::RecordBatch;
use lake::{File, Lake, Rows};
use std::path::Path;
use tempfile::TempDir;

/// 2026-11-23T07:00:00Z, later than every event of the sample.
pub(crate) const RECEIVED_US: i64 = 1_795_417_200_000_000;

/// Lines of all stages, codes and scopes, v1beta1 events, panics, odd audit ids, one of 300 kB, one that
/// is not UTF-8.
pub(crate) fn lines() -> Vec<Vec<u8>> {
    let packed = &include_bytes!("../../fixtures/events.jsonl.zst")[..];
    let text = zstd::decode_all(packed).unwrap();
    text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(<[u8]>::to_vec).collect()
}

pub(crate) struct Open {
    pub(crate) lake: Lake,
    pub(crate) directory: TempDir,
}

/// An empty lake in a directory of its own.
pub(crate) fn empty() -> Open {
    let directory = tempfile::tempdir().unwrap();
    let lake = Lake::open(directory.path().to_str().unwrap()).unwrap();
    Open { lake, directory }
}

pub(crate) fn numbered<L: AsRef<[u8]>>(lines: &[L], first: u64) -> Vec<(u64, &[u8])> {
    (first..).zip(lines.iter().map(AsRef::as_ref)).collect()
}

/// Rows of one origin that hold all these lines.
pub(crate) fn rows<'a>(lines: &'a [(u64, &'a [u8])]) -> Rows<'a> {
    Rows {
        origin: "prod/cp-1:/var/log/kubernetes/apiserver/audit.log",
        cluster: "prod",
        node: "cp-1",
        queue: [7; 16],
        first: lines.first().map_or(0, |line| line.0),
        last: lines.last().map_or(0, |line| line.0),
        received_us: RECEIVED_US,
        lines,
    }
}

/// A lake that holds these lines, numbered from 100.
pub(crate) fn filled<L: AsRef<[u8]>>(lines: &[L]) -> Open {
    let open = empty();
    open.lake.write(&rows(&numbered(lines, 100))).unwrap();
    open
}

/// Number and line of every row of a file, in the file's order.
pub(crate) fn raw(lake: &Lake, file: &File) -> Vec<(u64, Vec<u8>)> {
    use arrow_array::cast::AsArray;
    use arrow_array::types::Int64Type;
    let mut rows = Vec::new();
    for batch in lake.read(file, &["raw", "seq"]).unwrap() {
        let batch = batch.unwrap();
        let numbers = batch["seq"].as_primitive::<Int64Type>().values().iter();
        let lines = batch["raw"].as_binary::<i32>().iter();
        rows.extend(
            numbers.zip(lines).map(|(seq, line)| (u64::try_from(*seq).unwrap(), line.unwrap().to_vec())),
        );
    }
    rows
}

/// Path and content of every file below the directory.
pub(crate) fn tree(directory: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    let mut open = vec![directory.to_path_buf()];
    while let Some(next) = open.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path.strip_prefix(directory).unwrap().to_str().unwrap().replace('\\', "/");
                found.push((name, std::fs::read(&path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

/// Writes every file anew without these columns, as a program would have that did not know them.
pub(crate) fn age(open: &Open, without: &[&str]) {
    rewrite(open, |batch| {
        let schema = batch.schema();
        let wanted = |column: &usize| !without.contains(&schema.field(*column).name().as_str());
        batch.project(&(0..batch.num_columns()).filter(wanted).collect::<Vec<_>>()).unwrap()
    });
}

/// Writes every file anew with other columns.
pub(crate) fn rewrite(open: &Open, other: impl Fn(&RecordBatch) -> RecordBatch) {
    for file in open.lake.files().unwrap() {
        let batches = open.lake.read(&file, &names(|_| true)).unwrap();
        let batches: Vec<RecordBatch> = batches.map(|batch| other(&batch.unwrap())).collect();
        let target = std::fs::File::create(open.directory.path().join(&file.path)).unwrap();
        let mut writer = parquet::arrow::ArrowWriter::try_new(target, batches[0].schema(), None).unwrap();
        batches.iter().for_each(|batch| writer.write(batch).unwrap());
        writer.close().unwrap();
    }
}

/// The columns of the table that are wanted.
pub(crate) fn names(wanted: impl Fn(&str) -> bool) -> Vec<&'static str> {
    let columns = include_str!("../columns.txt").lines().map(|line| line.split(':').next().unwrap());
    columns.filter(|name| wanted(name)).collect()
}
