//! What becomes durable in a spool as one: records come and go together with the books that speak of them.

use proto::Origin;
use queue::Put;

use crate::account::Entry;
use crate::joins::Told;
use crate::receipts::Slip;
use crate::record::Record;

/// One atomic change of a spool.
#[derive(Clone, Debug, Default)]
pub(crate) struct Change {
    /// A batch that is taken with it; then `append` belongs to its account.
    pub(crate) taking: Option<Taking>,
    /// Lines of the books, by number of the account.
    pub(crate) entries: Vec<(u32, Entry)>,
    /// Dead letters that come back into the spool.
    pub(crate) returns: Vec<Return>,
    /// Positions of records that go.
    pub(crate) remove: Vec<u64>,
    /// Records that come.
    pub(crate) append: Vec<Record>,
    /// Receipts of what goes because it was taken.
    pub(crate) slips: Vec<Slip>,
    /// What the intake itself remembers.
    pub(crate) puts: Vec<Put>,
}

/// An event of a dead letter that comes back.
#[derive(Clone, Debug)]
pub(crate) struct Return {
    /// Whose account it is; opened where the books do not know it.
    pub(crate) origin: Origin,
    pub(crate) queue: [u8; 16],
    /// How it goes into the books.
    pub(crate) entry: Entry,
    pub(crate) records: Vec<Record>,
}

/// The claim of a batch on its numbers.
#[derive(Clone, Debug)]
pub(crate) struct Taking {
    pub(crate) origin: Origin,
    pub(crate) queue: [u8; 16],
    pub(crate) first: u64,
    pub(crate) last: u64,
    /// What of `first..=last` was not taken when the batch was packed; when that has changed, nothing is taken.
    pub(crate) missing: Vec<(u64, u64)>,
    /// How it goes into the books.
    pub(crate) entry: Entry,
    /// Where it stands among the origin's lines.
    pub(crate) told: Told,
}

impl Change {
    /// The bytes that it adds to the spool, about.
    pub(crate) fn size(&self) -> u64 {
        let returned = self.returns.iter().flat_map(|returned| &returned.records);
        self.append.iter().chain(returned).map(|record| record.payload.len() as u64 + 512).sum()
    }
}

/// Why a change was not made; nothing of it is durable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotDone {
    /// Another batch took some of the same numbers meanwhile: look again at what is missing.
    #[error("some of the lines were taken meanwhile")]
    Overtaken,
    /// The spool holds as much as it may.
    #[error("{used} of {limit} bytes are used")]
    Full { used: u64, limit: u64 },
    /// The disk said no; the same change can be made again later.
    #[error("{0}")]
    Failed(String),
    /// The shipper is going down.
    #[error("the spool is closed")]
    Closed,
}
