//! Whether reading and sending have work, and how far they are.
//!
//! Promise: what waits on purpose (a full queue, a pause, a file that cannot be read or may become another) is no work,
//! and every answer of the next stage, a refusal too, is a step.

use std::path::Path;

use super::{Books, Page};
use crate::orders::Orders;

impl Books {
    /// How far reading is; none when there is nothing that could be read now.
    pub(crate) fn reading_steps(&self, orders: &Orders) -> Option<u64> {
        let pages = self.lock();
        let is_asked_for = |page: &Page| orders.paused(Path::new(&page.origin.path)).is_none();
        let mut sources = pages.sources.values();
        let has_work = !pages.paused && sources.any(|page| page.is_readable() && is_asked_for(page));
        has_work.then(|| pages.sources.values().map(Page::position).fold(0, u64::wrapping_add))
    }

    /// How far sending is; none when nothing is queued.
    pub(crate) fn sending_steps(&self) -> Option<u64> {
        let pages = self.lock();
        (pages.queued() > 0).then_some(pages.answers)
    }
}

impl Page {
    fn is_readable(&self) -> bool {
        self.followed && self.horizon_us.is_some() && self.problems.is_empty()
    }

    fn position(&self) -> u64 {
        self.files.iter().map(|(_, file)| file.offset).fold(self.last, u64::wrapping_add)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, PoisonError};

    use proto::v1::FileStatus;

    use super::*;
    use crate::books::Pages;
    use crate::tally::Tally;

    /// One source with lines that were not read.
    fn behind() -> Books {
        let files = vec![(1, FileStatus { offset: 100, ..FileStatus::default() })];
        let page = Page { followed: true, horizon_us: Some(1), last: 10, files, ..Page::default() };
        let mut pages = Pages::default();
        pages.sources.insert(1, page);
        Books { queue_id: [0; 16], pages: Mutex::new(pages) }
    }

    fn change(books: &Books, change: impl FnOnce(&mut Page)) {
        let mut pages = books.pages.lock().unwrap_or_else(PoisonError::into_inner);
        change(pages.sources.get_mut(&1).expect("it was inserted"));
    }

    #[test]
    fn reading_steps_with_what_was_read_and_waits_on_purpose_where_it_cannot() {
        let (books, orders) = (behind(), Orders::default());
        let before = books.reading_steps(&orders);
        assert!(before.is_some());
        change(&books, |page| page.files[0].1.offset += 50);
        assert_ne!(books.reading_steps(&orders), before);
        books.set_reading(Vec::new(), true);
        assert_eq!(books.reading_steps(&orders), None);
        books.set_reading(Vec::new(), false);
        change(&books, |page| page.problems.push("it cannot be read".to_owned()));
        assert_eq!(books.reading_steps(&orders), None);
        change(&books, |page| (page.problems, page.horizon_us) = (Vec::new(), None));
        assert_eq!(books.reading_steps(&orders), None);
    }

    #[test]
    fn a_refusal_is_a_step_of_sending_and_nothing_queued_is_no_work() {
        let books = behind();
        assert_eq!(books.sending_steps(), None);
        change(&books, |page| page.queued.add(Tally::new(3, 30)));
        let before = books.sending_steps();
        assert!(before.is_some());
        assert_eq!(books.sending_steps(), before);
        books.set_sending(Some(("unavailable", "sending waits".to_owned())));
        assert_ne!(books.sending_steps(), before);
    }
}
