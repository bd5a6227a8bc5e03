//! Recorded events into a state that parts can be merged into, on all processors.
//!
//! Promises: parts are cut where they would be cut on one processor, and merged in the order of the recording, so the
//! number of threads changes nothing; what is in memory is bounded by their number, not by the recording; a line that
//! is no event is counted and named, and the rest goes on.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use anyhow::anyhow;
use audit::Event;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::recorded::Line;
use crate::recording::{Recording, Source};
use crate::say;

/// How many bytes of lines make a part.
const PART: usize = 2 << 20;
/// How many lines that are no events are named; the others are counted.
const NAMED: usize = 10;

/// What events are counted into.
pub(crate) trait Fold: Send {
    /// Counts an event.
    fn add(&mut self, event: &Event<'_>);
    /// Adds what was counted of the part that follows.
    fn merge(&mut self, after: Self);
}

/// Lines that are no events.
#[derive(Debug, Default)]
pub(crate) struct Bad {
    /// How many.
    pub count: u64,
    named: Vec<String>,
}

impl Bad {
    /// Says to stderr which lines were no events.
    pub(crate) fn tell(&self) {
        self.told().iter().for_each(|text| say::aside(text));
    }

    /// The same as words.
    pub(crate) fn told(&self) -> Vec<String> {
        let more = self.count - self.named.len() as u64;
        let more = (more > 0).then(|| format!("{more} more lines are no events"));
        self.named.iter().cloned().chain(more).collect()
    }

    /// One more.
    pub(crate) fn add(&mut self, text: String) {
        self.count += 1;
        if self.named.len() < NAMED {
            self.named.push(text);
        }
    }

    /// So many more, of which no more is known.
    pub(crate) fn add_unnamed(&mut self, count: u64) {
        self.count += count;
    }

    fn merge(&mut self, after: Bad) {
        self.count += after.count;
        let room = NAMED - self.named.len();
        self.named.extend(after.named.into_iter().take(room));
    }
}

/// The words on a line that is no event.
pub(crate) fn no_event(place: &str, number: u64, line: &[u8]) -> String {
    let why = Event::scan(line).err().map(|why| why.to_string());
    format!("{place}:{number}: {}", why.unwrap_or_else(|| "is no event".to_owned()))
}

/// How many threads a replay should have here.
pub(crate) fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Replays a recording into what `new` makes, with so many threads besides the one that reads.
///
/// # Errors
/// When the recording cannot be found or read.
pub(crate) fn replay<F: Fold>(
    recording: &Recording,
    threads: usize,
    new: impl Fn() -> F + Sync,
) -> anyhow::Result<(F, Bad)> {
    let take = |fold: &mut F, part: Part| {
        let Part { place, text, lines, mut bad } = part;
        for (range, number) in lines {
            match Event::scan(&text[range]) {
                Ok(event) if recording.asks_for(event.stage_micros()) => fold.add(&event),
                Ok(_) => {}
                Err(why) => bad.add(format!("{place}:{number}: {why}")),
            }
        }
        bad
    };
    in_parts(&recording.find()?, threads, new, take, Fold::merge)
}

/// Cuts a recording into parts, takes each into what `new` makes, and merges the results in the order of the parts,
/// with so many threads besides the one that reads.
///
/// # Errors
/// When the recording cannot be read.
pub(crate) fn in_parts<F: Send>(
    source: &Source,
    threads: usize,
    new: impl Fn() -> F + Sync,
    take: impl Fn(&mut F, Part) -> Bad + Sync,
    merge: impl Fn(&mut F, F),
) -> anyhow::Result<(F, Bad)> {
    let (mut whole, mut bad) = (new(), Bad::default());
    std::thread::scope(|scope| {
        let (mut parts, mut folded) = (Vec::new(), Vec::new());
        for _ in 0..threads {
            let ((part, work), (done, result)) = (sync_channel(1), sync_channel(1));
            scope.spawn(|| fold_parts(&new, &take, work, done));
            parts.push(part);
            folded.push(result);
        }
        let reader = scope.spawn(|| read(source, parts));
        for result in folded.iter().cycle() {
            let Ok((part, worse)) = result.recv() else { break };
            merge(&mut whole, part);
            bad.merge(worse);
        }
        drop(folded);
        reader
            .join()
            .map_err(|_| anyhow!("reading the recording was interrupted by a fault in this program"))?
    })?;
    Ok((whole, bad))
}

/// Some whole lines of one place.
pub(crate) struct Part {
    /// The name of the place.
    pub(crate) place: Arc<str>,
    /// The lines, one behind the other.
    pub(crate) text: Vec<u8>,
    /// Where they are in the text, and the number of each in its place.
    pub(crate) lines: Vec<(Range<usize>, u64)>,
    /// What was no line.
    pub(crate) bad: Bad,
}

impl Part {
    fn of(place: &Arc<str>) -> Part {
        Part { place: place.clone(), text: Vec::with_capacity(PART), lines: Vec::new(), bad: Bad::default() }
    }

    /// Takes a line, or the lines of a list.
    fn add(&mut self, line: &Line<'_>) {
        let wrong = |why: String| format!("{}:{}: {why}", self.place, line.number);
        match &line.bytes {
            Err(why) => self.bad.add(wrong(why.to_string())),
            Ok(bytes) if bytes.iter().all(u8::is_ascii_whitespace) => {}
            Ok(bytes) if collector::is_event_list(bytes) => {
                match collector::split_event_list(bytes, &mut self.text) {
                    Ok(lines) => self.lines.extend(lines.into_iter().map(|range| (range, line.number))),
                    Err(why) => self.bad.add(wrong(why.to_string())),
                }
            }
            Ok(bytes) => {
                let start = self.text.len();
                self.text.extend_from_slice(bytes);
                self.lines.push((start..self.text.len(), line.number));
            }
        }
    }
}

/// Cuts the recording into parts and deals them out, one thread after the other.
fn read(source: &Source, parts: Vec<SyncSender<Part>>) -> anyhow::Result<()> {
    let (done, bar) = (Arc::new(AtomicU64::new(0)), bar(source.bytes()));
    let mut turns = parts.iter().cycle();
    let mut part: Option<Part> = None;
    let mut send = |part: Part| {
        bar.set_position(done.load(Ordering::Relaxed));
        // A thread that is gone has panicked, which ends the scope.
        turns.next().is_some_and(|turn| turn.send(part).is_ok())
    };
    let every = source.each_line(&done, |place, line| {
        let full = |part: &mut Part| part.text.len() >= PART || !Arc::ptr_eq(&part.place, place);
        if let Some(full) = part.take_if(full) {
            send(full);
        }
        part.get_or_insert_with(|| Part::of(place)).add(&line);
        Ok(())
    });
    part.map(send);
    bar.finish_and_clear();
    every
}

fn fold_parts<F>(
    new: &impl Fn() -> F,
    take: &impl Fn(&mut F, Part) -> Bad,
    work: Receiver<Part>,
    done: SyncSender<(F, Bad)>,
) {
    for part in work {
        let mut fold = new();
        let bad = take(&mut fold, part);
        if done.send((fold, bad)).is_err() {
            break;
        }
    }
}

/// Shown on a terminal only; a spinner where the end is not known.
fn bar(bytes: Option<u64>) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(bytes, ProgressDrawTarget::stderr());
    let template = match bytes {
        Some(_) => "{wide_bar} {bytes} of {total_bytes}, {eta} left",
        None => "{spinner} {elapsed}",
    };
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar
}
