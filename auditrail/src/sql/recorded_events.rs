//! Recorded lines as the table `events`.
//!
//! Promises: an event has the values that it has in a lake; a line that is no event is no row, and is named as in every
//! report; `origin` is where it stands and `seq` its number there; rows come in the order of the recording; whoever has
//! enough ends the parsing.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};

use arrow_array::{Array, ArrayRef, Int64Array, RecordBatch};
use insight::sql::{Events, Piece, Scan, Slice, Wanted};
use lake::LakeError;

use crate::recording::{Recording, Source};
use crate::replay::{self, Bad, Part, in_parts};

/// Batches that are parsed ahead.
const AHEAD: usize = 2;
/// What every event has, and nothing else.
const STAGE: &str = "stage";

/// The events of a recording.
#[derive(Debug)]
pub(crate) struct RecordedEvents {
    recording: Recording,
    was_read: AtomicBool,
}

impl RecordedEvents {
    pub(crate) fn new(recording: Recording) -> RecordedEvents {
        RecordedEvents { recording, was_read: AtomicBool::new(false) }
    }
}

impl Events for RecordedEvents {
    fn read(&self, mut wanted: Wanted) -> Result<Scan, String> {
        if self.was_read.swap(true, Ordering::Relaxed) && self.recording.reads_stdin() {
            return Err(
                "this reads the events twice, and stdin can be read only once: write them to a file".into()
            );
        }
        self.recording.times().into_iter().for_each(|times| wanted.cut(times));
        let source = self.recording.find().map_err(|error| format!("{error:#}"))?;
        let (say, said) = sync_channel(AHEAD);
        std::thread::spawn(move || read(&source, &wanted, &say));
        Ok(Scan::of(vec![said]))
    }
}

fn read(source: &Source, wanted: &Wanted, say: &SyncSender<Piece>) {
    let gone = AtomicBool::new(false);
    // Nobody listening is no trouble: there is no more to do.
    let tell = |piece| {
        gone.fetch_or(say.send(piece).is_err(), Ordering::Relaxed);
    };
    let take = |slices: &mut Vec<Slice>, part: Part| {
        if gone.load(Ordering::Relaxed) {
            return Bad::default();
        }
        let place = part.place.clone();
        let (events, mut bad) = events(part, wanted);
        match events {
            Ok(batch) => slices.push(Slice { batch: wanted.sift(batch), hour: None }),
            Err(why) => bad.add(format!("{place}: {why}")),
        }
        bad
    };
    let merge = |_: &mut Vec<Slice>, slices: Vec<Slice>| {
        slices.into_iter().for_each(|slice| tell(Piece::Slice(slice)));
    };
    let troubles = match in_parts(source, replay::threads(), Vec::new, take, merge) {
        Ok((_, bad)) => bad.told(),
        Err(error) => vec![format!("{error:#}")],
    };
    troubles.into_iter().for_each(|trouble| tell(Piece::Trouble(trouble)));
    tell(Piece::Done);
}

/// The events of a part, and what of it is none.
fn events(part: Part, wanted: &Wanted) -> (Result<RecordBatch, LakeError>, Bad) {
    let Part { place, text, mut lines, mut bad } = part;
    let table = match batch(&place, &text, &lines, wanted) {
        Ok(table) => table,
        Err(why) => return (Err(why), bad),
    };
    let stages = table.column_by_name(STAGE).expect("the column was asked for");
    if stages.null_count() == 0 {
        return (Ok(table), bad);
    }
    let mut row = 0..;
    lines.retain(|(range, number)| {
        let is_event = row.next().is_some_and(|row| stages.is_valid(row));
        if !is_event {
            bad.add(replay::no_event(&place, *number, &text[range.clone()]));
        }
        is_event
    });
    (batch(&place, &text, &lines, wanted), bad)
}

fn batch(
    place: &str,
    text: &[u8],
    lines: &[(Range<usize>, u64)],
    wanted: &Wanted,
) -> Result<RecordBatch, LakeError> {
    let numbered: Vec<(u64, &[u8])> =
        (0..).zip(lines.iter().map(|(range, _)| &text[range.clone()])).collect();
    let asked = wanted.columns.iter().map(String::as_str);
    let columns: Vec<&str> = asked.filter(|column| *column != STAGE).chain([STAGE]).collect();
    let batch = lake::table(
        &lake::Rows {
            origin: place,
            cluster: "",
            node: "",
            queue: [0; 16],
            first: 0,
            last: lines.len() as u64,
            received_us: 0,
            lines: &numbered,
        },
        &columns,
    )?;
    Ok(with_numbers(batch, lines.iter().map(|(_, number)| *number)))
}

/// The batch with these numbers in `seq`: several events of a list may stand in one line.
fn with_numbers(batch: RecordBatch, numbers: impl Iterator<Item = u64>) -> RecordBatch {
    let Ok(seq) = batch.schema().index_of("seq") else { return batch };
    let numbers: Int64Array = numbers.map(|number| i64::try_from(number).unwrap_or(i64::MAX)).collect();
    let mut columns: Vec<ArrayRef> = batch.columns().to_vec();
    columns[seq] = Arc::new(numbers);
    RecordBatch::try_new(batch.schema(), columns).expect("a number for each line")
}
