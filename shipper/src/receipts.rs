//! Receipts of what was sent, or written, and taken: who asks later what became of an event can be shown.
//!
//! Promises: a receipt is on the disk before its body leaves the spool, synced once for all that leave together; the
//! store is bounded in bytes and in time, the oldest go first; a disk that refuses receipts holds up no delivery, and
//! status says so.
//!
//! One line of JSON each ([`line::Line`]), in files that are named after their beginning.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use proto::v1::StoreStatus;

use crate::config::ReceiptsConfig;
use crate::standing::now_us;

mod book;
mod line;
mod reading;
mod slip;

pub use reading::receipts_in;
pub(crate) use slip::Slip;

use book::Book;
use line::Line;

/// The directory of a destination's receipts, in the destination's own.
pub(crate) const RECEIPTS: &str = "receipts";

/// Of their lines.
const FORMAT: queue::Format = queue::Format { of: "receipts", version: 1 };

/// An account's origin as text, and its queue.
pub(crate) type Identity = (String, [u8; 16]);

/// The receipts of one destination; clones share them.
#[derive(Clone)]
pub(crate) struct Receipts(Arc<Mutex<Book>>);

impl Receipts {
    /// Opens the store in `dir`; None where none are to be kept. Blocking.
    pub(crate) fn open(dir: &Path, config: &ReceiptsConfig) -> std::io::Result<Option<Receipts>> {
        if config.max_size.as_u64() == 0 {
            return Ok(None);
        }
        FORMAT.check(dir).and_then(|()| FORMAT.mark(dir)).map_err(std::io::Error::other)?;
        let book = Book::open(dir, config.max_size.as_u64(), config.keep.duration(), now_us())?;
        Ok(Some(Receipts(Arc::new(Mutex::new(book)))))
    }

    /// Writes receipts of what the accounts' lines became, durably. Blocking.
    pub(crate) fn write(&self, slips: &[(Slip, Identity)]) {
        if slips.is_empty() {
            return;
        }
        let (now, mut text) = (now_us(), Vec::new());
        slips.iter().for_each(|(slip, identity)| Line::of(slip, identity, now).write(&mut text));
        self.book().append(&text, slips.len() as u64, now);
    }

    pub(crate) fn status(&self) -> StoreStatus {
        self.book().status()
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
