//! A batch comes in, and its receipt goes out: look, pack, commit.
//!
//! Promises: a receipt is given only when the batch is durable in the spool (or was before); a line is taken once,
//! however often and in whatever pieces it is sent; a full spool refuses where the destination is required, and counts
//! what it sheds where it is best effort.

use std::sync::Arc;

use bytes::Bytes;
use proto::{Batch, Encoding, Filtered, Line, Origin, Receipt, Refusal, Trace};
use tokio::sync::Semaphore;

use crate::account::{Entry, Named, Tally};
use crate::attempt::blocking;
use crate::canary;
use crate::change::{Change, NotDone, Taking};
use crate::joins::Told;
use crate::parcel::{Packer, Parcel};
use crate::record::Record;
use crate::spool::Spool;
use crate::standing::Standing;

/// Longest text that identifies an origin, in bytes.
pub(crate) const MOST_ORIGIN: usize = 6 << 10;

/// Batches that wait for their commit at a time.
const MOST_HELD: usize = 8;

/// Batches that are packed at a time, whatever the machine.
const MOST_PACKING: usize = 4;

/// What to do about a full spool.
pub(crate) const FULL: &str = "mend the destination, raise `spool.max_size`, or make it best effort";

/// Where batches of one destination come in.
pub(crate) struct Taker {
    pub(crate) name: String,
    pub(crate) spool: Spool,
    pub(crate) packer: Arc<dyn Packer>,
    pub(crate) standing: Arc<Standing>,
    /// What bounds memory, over all destinations.
    pub(crate) turns: Arc<Turns>,
}

/// How many batches may be where at a time.
pub(crate) struct Turns {
    /// Taken, until their receipts.
    held: Semaphore,
    /// Being packed: work for a processor, so that more of them than processors only cost memory.
    packing: Semaphore,
}

impl Turns {
    /// As many as suit this machine.
    pub(crate) fn new() -> Turns {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Turns { held: Semaphore::new(MOST_HELD), packing: Semaphore::new(processors.min(MOST_PACKING)) }
    }
}

/// A batch, less what had been taken of it.
struct Packed {
    records: Vec<Record>,
    filtered: Named,
    events: Tally,
    told: Told,
}

impl Taker {
    /// Takes a batch.
    pub(crate) async fn take(&self, batch: Batch) -> Result<Receipt, Refusal> {
        let outcome = self.take_in(Arc::new(batch)).await;
        let label = match &outcome {
            Ok((_, label)) => label,
            Err(_) => "refused",
        };
        self.standing.metrics.pushed(label);
        self.standing.metrics.spool(self.spool.status().bytes);
        outcome.map(|(receipt, _)| receipt)
    }

    async fn take_in(&self, batch: Arc<Batch>) -> Result<(Receipt, &'static str), Refusal> {
        let (origin, queue) = identity(&batch)?;
        let key = (origin.key(), queue);
        let _held = self.turns.held.acquire().await.map_err(|_| unavailable("the shipper is going down"))?;
        loop {
            let missing = self.spool.missing(&key, batch.first, batch.last);
            if missing.is_empty() {
                self.spool.count_repeated(&key).await;
                return Ok((Receipt { repeated: true, ..batch.receipt() }, "repeated"));
            }
            let mut packed = self.pack(&batch, &origin, queue, missing.clone()).await?;
            let trace = Trace::current().map(|trace| trace.to_string());
            packed.records.iter_mut().for_each(|record| record.header.trace.clone_from(&trace));
            let taking = |spooled, shed| Taking {
                origin: origin.clone(),
                queue,
                first: batch.first,
                last: batch.last,
                missing: missing.clone(),
                entry: Entry::Taken {
                    first: batch.first,
                    last: batch.last,
                    filtered: packed.filtered.clone(),
                    spooled,
                    shed,
                },
                told: packed.told,
            };
            let whole = taking(packed.events, Tally::default());
            let mut label = "taken";
            let change = Change { taking: Some(whole), append: packed.records.clone(), ..Change::default() };
            let mut outcome = self.spool.commit(change).await;
            if matches!(outcome, Err(NotDone::Full { .. })) && batch.best_effort {
                label = "shed";
                let shed = taking(Tally::default(), packed.events);
                outcome = self.spool.commit(Change { taking: Some(shed), ..Change::default() }).await;
            }
            match outcome {
                Ok(()) => {
                    self.standing.spool_is_full(label == "shed");
                    return Ok((batch.receipt(), label));
                }
                Err(NotDone::Overtaken) => {}
                Err(error) => return Err(self.refusal(error)),
            }
        }
    }

    async fn pack(
        &self,
        batch: &Arc<Batch>,
        origin: &Origin,
        queue: [u8; 16],
        missing: Vec<(u64, u64)>,
    ) -> Result<Packed, Refusal> {
        let (batch, origin, packer) = (batch.clone(), origin.clone(), self.packer.clone());
        let going_down = |_| unavailable("the shipper is going down");
        let _turn = self.turns.packing.acquire().await.map_err(going_down)?;
        blocking(move || pack(&batch, (origin, queue), &missing, packer.as_ref())).await
    }

    fn refusal(&self, error: NotDone) -> Refusal {
        let name = &self.name;
        match error {
            NotDone::Full { used, limit } => {
                self.standing.spool_is_full(true);
                let why =
                    format!("the spool of destination `{name}` is full ({used} of {limit} bytes); {FULL}");
                Refusal::Busy { why }
            }
            other => unavailable(&format!("the spool of destination `{name}` takes nothing now: {other}")),
        }
    }
}

fn unavailable(why: &str) -> Refusal {
    Refusal::Unavailable { why: why.to_owned() }
}

fn identity(batch: &Batch) -> Result<(Origin, [u8; 16]), Refusal> {
    batch.check()?;
    let invalid = |why: &str| Refusal::Invalid { why: why.to_owned() };
    let origin = batch.origin.clone().ok_or_else(|| invalid("the batch names no origin"))?;
    if origin.key().len() > MOST_ORIGIN {
        return Err(invalid("the batch's origin is longer than 6 KiB"));
    }
    let queue =
        batch.queue.as_slice().try_into().map_err(|_| invalid("the batch's queue id has not 16 bytes"))?;
    Ok((origin, queue))
}

fn pack(
    batch: &Batch,
    (origin, queue): (Origin, [u8; 16]),
    missing: &[(u64, u64)],
    packer: &dyn Packer,
) -> Result<Packed, Refusal> {
    let whole = missing == [(batch.first, batch.last)];
    let wanted = |number: u64| whole || missing.iter().any(|&(first, last)| (first..=last).contains(&number));
    let all = batch.lines()?;
    let told = told(batch, &all);
    let lines: Vec<Line> = all.into_iter().filter(|line| wanted(line.number)).collect();
    let mut events = Tally::default();
    lines.iter().for_each(|line| events.add(Tally::one(line.read_bytes)));
    let filtered = filtered(batch, wanted);
    if lines.is_empty() {
        return Ok(Packed { records: Vec::new(), filtered, events, told });
    }
    let block = (whole && batch.encoding() == Encoding::Zstd).then(|| Bytes::clone(&batch.block));
    let parcel = Parcel { origin, queue, read_at_us: batch.read_at_us, lines, block };
    let packed = packer.pack(&parcel);
    let mut records = packed.map_err(|error| unavailable(&format!("packing failed: {error}")))?;
    canary::note(&mut records, &parcel.lines);
    Ok(Packed { records, filtered, events, told })
}

fn told(batch: &Batch, lines: &[Line]) -> Told {
    let before = Tally { events: batch.events_before, bytes: batch.bytes_before };
    let mut through = before;
    batch.sizes(lines).for_each(|(_, bytes)| through.add(Tally::one(bytes)));
    Told { before, through }
}

fn filtered(batch: &Batch, wanted: impl Fn(u64) -> bool) -> Named {
    let mut named = Named::new();
    for Filtered { by, numbers, read_bytes } in &batch.filtered {
        let mut sum = Tally::default();
        for (&number, &bytes) in numbers.iter().zip(read_bytes) {
            if wanted(batch.first + u64::from(number)) {
                sum.add(Tally::one(u64::from(bytes)));
            }
        }
        if !sum.is_zero() {
            named.entry(by.clone()).or_default().add(sum);
        }
    }
    named
}
