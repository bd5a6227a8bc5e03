//! Small files of an hour into one, as a table should have it.
//!
//! Promises: at every moment, and after a crash at any step, each row is read exactly once (see
//! [`coverage`](crate::coverage)); a merged file is published before what it is made of is removed; two who merge the
//! same hour, whether the lock holds them apart or not, lose and double nothing; rows are merged as a stream, so that
//! memory is bounded by the size of the file that is written.

use std::collections::BTreeSet;

use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMicrosecondType;
use arrow_array::{Array, RecordBatch};
use arrow_select::interleave::interleave_record_batch;

use crate::coverage::{self, Names};
use crate::reading::{Batches, Reading};
use crate::{File, Lake, LakeError, Partition, encode};

/// Most files in one merge: each is open meanwhile.
const MOST_FILES: usize = 64;
/// Most files that one may cover, so that its metadata stays small.
const MOST_COVERED: usize = 4096;
/// Rows of each file that are in memory, and rows that are written at a time.
const ROWS: usize = 128;
/// A lock older than this was left by a crash.
const STALE_US: i64 = 3_600_000_000;
const HOUR_US: i64 = 3_600_000_000;

/// When and how far files are merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Merging {
    /// How long after an hour's end, in microseconds: most of what belongs to it has arrived then.
    pub after_us: i64,
    /// How long no file may have come to the hour, in microseconds.
    pub quiet_us: i64,
    /// Files of this size, in bytes, are large enough; what is merged does not become larger.
    pub target: u64,
}

/// What merging did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Merged {
    /// Files that were merged.
    pub files: u64,
    /// Into so many.
    pub into: u64,
    /// Their size before, in bytes.
    pub bytes_before: u64,
    /// And after.
    pub bytes_after: u64,
}

impl Merged {
    /// Adds what another merge did.
    pub fn add(&mut self, other: Merged) {
        self.files += other.files;
        self.into += other.into;
        self.bytes_before += other.bytes_before;
        self.bytes_after += other.bytes_after;
    }
}

/// The hours in which there is something to merge, oldest first.
pub(crate) fn ripe(files: &[File], merging: &Merging, now_us: i64) -> BTreeSet<Partition> {
    let hours: BTreeSet<Partition> = files.iter().map(|file| file.partition).collect();
    let is_ripe = |hour: &Partition| {
        let of_hour = || files.iter().filter(move |file| file.partition == *hour);
        hour.start_us() + HOUR_US + merging.after_us <= now_us
            && of_hour().all(|file| file.modified_us + merging.quiet_us <= now_us)
            && !choose(of_hour().cloned(), merging.target).is_empty()
    };
    hours.into_iter().filter(is_ripe).collect()
}

/// The files to merge next: as many small ones as fit together, in the order of their names; none when there are not
/// two.
fn choose(files: impl Iterator<Item = File>, target: u64) -> Vec<File> {
    let (mut chosen, mut bytes) = (Vec::new(), 0);
    for file in files.filter(|file| file.bytes < target / 2) {
        if chosen.len() == MOST_FILES || bytes + file.bytes > target {
            break;
        }
        bytes += file.bytes;
        chosen.push(file);
    }
    if chosen.len() < 2 { Vec::new() } else { chosen }
}

/// Merges what there is to merge in an hour, unless somebody else does.
pub(crate) fn hour(
    lake: &Lake,
    hour: Partition,
    target: u64,
    now_us: i64,
    goes_on: &dyn Fn() -> bool,
) -> Result<Merged, LakeError> {
    let lock = format!("_staging/merging,{}.lock", hour.to_string().replace('/', ","));
    if !take(lake, &lock, now_us)? {
        return Ok(Merged::default());
    }
    let mut done = Merged::default();
    let outcome = loop {
        match once(lake, hour, target) {
            Ok(None) => break Ok(done),
            Ok(Some(merged)) => done.add(merged),
            Err(error) => break Err(error),
        }
        if !goes_on() {
            break Ok(done);
        }
    };
    lake.storage.delete(&lock)?;
    outcome
}

/// Takes the lock; false when somebody else has it.
fn take(lake: &Lake, lock: &str, now_us: i64) -> Result<bool, LakeError> {
    if lake.storage.create(lock, b"merging".to_vec())? {
        return Ok(true);
    }
    let since = lake.storage.modified_us(lock)?;
    if since.is_some_and(|since| since + STALE_US > now_us) {
        return Ok(false);
    }
    lake.storage.delete(lock)?;
    lake.storage.create(lock, b"merging".to_vec())
}

/// One merge; None when there is nothing left to merge, or somebody else merged the same.
fn once(lake: &Lake, hour: Partition, target: u64) -> Result<Option<Merged>, LakeError> {
    let live = lake.of_hour(hour)?;
    for file in &live.covered {
        lake.storage.delete(&file.path)?;
    }
    let files = choose(live.files.into_iter(), target);
    let covers = covers_of(lake, &files)?;
    if files.is_empty() || covers.len() > MOST_COVERED {
        return Ok(None);
    }
    let body = merge(lake, &files, &covers)?;
    let bytes_after = body.len() as u64;
    let path = format!("{hour}/{}", coverage::merged_name(&covers));
    lake.storage.put(&path, body)?;
    if somebody_else_merged(lake, hour, &path, &covers)? {
        lake.storage.delete(&path)?;
        return Ok(None);
    }
    for file in &files {
        lake.storage.delete(&file.path)?;
    }
    let bytes_before = files.iter().map(|file| file.bytes).sum();
    Ok(Some(Merged { files: files.len() as u64, into: 1, bytes_before, bytes_after }))
}

/// Every file that these are or were made of.
fn covers_of(lake: &Lake, files: &[File]) -> Result<Names, LakeError> {
    let mut covers = Names::new();
    for file in files {
        covers.insert(coverage::name(file).to_owned());
        if coverage::is_merged(file) {
            covers.extend(lake.covers(file)?);
        }
    }
    Ok(covers)
}

/// Whether another merged file has some of the same, without being made of this one or this one of it. Files are
/// removed only by those who see no such file after they published theirs; so whoever sees one withdraws.
fn somebody_else_merged(lake: &Lake, hour: Partition, path: &str, covers: &Names) -> Result<bool, LakeError> {
    for file in lake.listed(&hour.to_string())? {
        if !coverage::is_merged(&file) || file.path == path || covers.contains(coverage::name(&file)) {
            continue;
        }
        if !lake.covers(&file)?.is_disjoint(covers) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The rows of all files in the order of time, as one file.
fn merge(lake: &Lake, files: &[File], covers: &Names) -> Result<Vec<u8>, LakeError> {
    let schema = crate::schema();
    let columns: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    let reading = Reading { most_rows: ROWS, ..Reading::of(&columns) };
    let mut inputs = Vec::new();
    for file in files {
        inputs.extend(Input::open(lake.scan(file, &reading)?)?);
    }
    let damaged = |why: String| LakeError::Damaged {
        path: files[0].path.clone(),
        why: format!("while merging it: {why}"),
    };
    let mut writer =
        encode::Merged::new(covers.iter().map(String::as_str)).map_err(|error| damaged(error.to_string()))?;
    while let Some(rows) = take_rows(&mut inputs)? {
        writer.write(&rows).map_err(|error| damaged(error.to_string()))?;
    }
    writer.finish().map_err(|error| damaged(error.to_string()))
}

/// A file that is being read, with the row that is next.
struct Input {
    batches: Batches,
    batch: RecordBatch,
    row: usize,
}

impl Input {
    /// None when the file has no row.
    fn open(mut batches: Batches) -> Result<Option<Input>, LakeError> {
        let batch = batches.next().transpose()?;
        Ok(batch.map(|batch| Input { batches, batch, row: 0 }))
    }

    /// Times ascend, what has none comes last.
    fn key(&self) -> (bool, i64) {
        let times = self.batch["time"].as_primitive::<TimestampMicrosecondType>();
        if times.is_null(self.row) { (true, 0) } else { (false, times.value(self.row)) }
    }
}

/// The next rows of all inputs in order, until one of them has to be read on; None at the end.
fn take_rows(inputs: &mut Vec<Input>) -> Result<Option<RecordBatch>, LakeError> {
    if inputs.is_empty() {
        return Ok(None);
    }
    let mut order = Vec::new();
    let batches: Vec<RecordBatch> = inputs.iter().map(|input| input.batch.clone()).collect();
    let used_up = loop {
        let first = (0..inputs.len()).min_by_key(|index| inputs[*index].key()).expect("there is an input");
        let input = &mut inputs[first];
        order.push((first, input.row));
        input.row += 1;
        if input.row == input.batch.num_rows() {
            break first;
        }
    };
    let batches: Vec<&RecordBatch> = batches.iter().collect();
    let rows = interleave_record_batch(&batches, &order).map_err(|error| LakeError::Encode {
        first: 0,
        last: order.len() as u64,
        why: error.to_string(),
    })?;
    match inputs[used_up].batches.next().transpose()? {
        Some(batch) => (inputs[used_up].batch, inputs[used_up].row) = (batch, 0),
        None => drop(inputs.remove(used_up)),
    }
    Ok(Some(rows))
}
