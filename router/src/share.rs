//! From fates to the batches that destinations get.
//!
//! Promises: every line of the incoming batch is in an audience's share exactly once, kept or filtered by name,
//! under its own number and with the bytes that it was read with. Where nothing changed, the share is the
//! incoming block, byte for byte. What several audiences get alike is packed once.

use std::collections::BTreeMap;

use proto::{Batch, Encoding, Filtered, Line, Refusal};

use crate::cause::Cause;
use crate::decide::{Decided, Fate, decide};
use crate::dedupe::{Fresh, Window};
use crate::elevation::Elevation;
use crate::rules::{Audience, Destination, Rules};

/// What one audience gets of a batch.
#[derive(Debug, Clone)]
pub(crate) struct Share {
    /// Who gets it.
    pub(crate) destinations: Vec<Destination>,
    /// The batch, but for the destination's name.
    pub(crate) batch: Batch,
    /// How many of its lines have less detail than they came with.
    pub(crate) spliced: u64,
    /// How many entries of its `filtered` the batch came with.
    pub(crate) filtered_before: usize,
}

/// What the audiences of a batch get, and how many of its lines were no audit event.
pub(crate) struct Shares {
    pub(crate) shares: Vec<Share>,
    pub(crate) undecided: u64,
    /// Lines that are no repeats, for the window.
    pub(crate) fresh: Fresh,
}

/// Shares a batch out to `wanted`: each audience of the rules with those of its destinations that still need it.
///
/// # Errors
/// As [`Batch::lines`], where a line has to be looked at.
pub(crate) fn share_out(
    rules: &Rules,
    elevations: &[Elevation],
    window: &Window,
    batch: &Batch,
    wanted: Vec<(&Audience, Vec<Destination>)>,
) -> Result<Shares, Refusal> {
    let (untouched, decided): (Vec<_>, Vec<_>) =
        wanted.into_iter().partition(|(audience, _)| rules.leave_untouched(audience));
    let whole = |(_, destinations)| Share::whole(batch, destinations);
    let mut shares: Vec<Share> = untouched.into_iter().map(whole).collect();
    if decided.is_empty() {
        return Ok(Shares { shares, undecided: 0, fresh: Fresh::new() });
    }
    let lines = batch.lines()?;
    let (repeats, fresh) = window.look(rules, batch, &lines);
    let (audiences, destinations): (Vec<_>, Vec<_>) = decided.into_iter().unzip();
    let decided =
        decide(rules, elevations, &audiences, &repeats, lines.iter().map(|line| line.bytes.as_ref()));
    if decided.are_too_large {
        let why = "processing rules make it larger than a batch may be; its halves will pass".to_owned();
        return Err(Refusal::TooLarge { why });
    }
    let first = shares.len();
    for (at, destinations) in destinations.into_iter().enumerate() {
        let alike = (0..at).find(|&before| decided.fates[before] == decided.fates[at]);
        let share = match alike {
            Some(before) => Share { destinations, ..shares[first + before].clone() },
            None => Share::packed(rules, batch, destinations, &lines, &decided, &decided.fates[at])?,
        };
        shares.push(share);
    }
    Ok(Shares { shares, undecided: decided.undecided, fresh })
}

impl Share {
    fn whole(batch: &Batch, destinations: Vec<Destination>) -> Share {
        Share { destinations, batch: batch.clone(), spliced: 0, filtered_before: batch.filtered.len() }
    }

    fn packed(
        rules: &Rules,
        batch: &Batch,
        destinations: Vec<Destination>,
        lines: &[Line],
        decided: &Decided,
        fates: &[Fate],
    ) -> Result<Share, Refusal> {
        if fates.iter().all(|fate| *fate == Fate::Whole) {
            return Ok(Share::whole(batch, destinations));
        }
        let mut filtered = batch.filtered.clone();
        filtered.extend(left_out(rules, batch.first, lines, fates));
        let kept = lines.iter().zip(fates).filter_map(|(line, fate)| {
            let text = match fate {
                Fate::Whole => line.bytes.as_ref(),
                Fate::Spliced(piece) => decided.text(*piece),
                Fate::Left(_) => return None,
            };
            Some((line.number, line.read_bytes, text))
        });
        let nothing = fates.iter().all(|fate| matches!(fate, Fate::Left(_)));
        let encoding = if nothing { Encoding::None } else { batch.encoding() };
        let frame = Batch { filtered, block: Default::default(), ..batch.clone() };
        let packed = frame
            .with_lines(kept, encoding)
            .map_err(|error| Refusal::Unavailable { why: format!("a block cannot be packed: {error}") })?;
        let spliced = fates.iter().filter(|fate| matches!(fate, Fate::Spliced(_))).count() as u64;
        Ok(Share { destinations, batch: packed, spliced, filtered_before: batch.filtered.len() })
    }
}

/// The lines that are left out, by cause, in the order of the causes.
fn left_out(rules: &Rules, base: u64, lines: &[Line], fates: &[Fate]) -> impl Iterator<Item = Filtered> {
    let mut by_cause: BTreeMap<Cause, Filtered> = BTreeMap::new();
    for (line, fate) in lines.iter().zip(fates) {
        if let Fate::Left(cause) = fate {
            let filtered = by_cause
                .entry(*cause)
                .or_insert_with(|| Filtered { by: cause.name(rules), ..Filtered::default() });
            filtered.numbers.push((line.number - base) as u32);
            filtered.read_bytes.push(u32::try_from(line.read_bytes).unwrap_or(u32::MAX));
        }
    }
    by_cause.into_values()
}
