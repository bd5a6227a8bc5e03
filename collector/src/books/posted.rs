//! The page of the webhook: what is posted enters the books as what is read of files does.

use proto::Origin;

use super::{Books, metrics};
use crate::checkpoint::SourceState;
use crate::record::Header;

impl Books {
    /// Lines were posted, and batches came of them; both are about to be committed.
    pub(crate) fn posted(&self, state: &SourceState, origin: &Origin, batches: &[Header]) {
        let mut pages = self.lock();
        let page = pages.sources.entry(state.number).or_default();
        page.origin.clone_from(origin);
        page.followed = true;
        page.count_state(state);
        batches.iter().for_each(|header| page.queue(header));
        metrics::queued(pages.queued());
    }

    /// They were not committed: `state` is what is durable.
    pub(crate) fn withdrawn(&self, state: &SourceState, batches: &[Header]) {
        let mut pages = self.lock();
        let page = pages.sources.entry(state.number).or_default();
        page.count_state(state);
        batches.iter().for_each(|header| page.queued.take(header.kept));
        if page.queued.is_nothing() {
            page.oldest_us = None;
        }
        metrics::queued(pages.queued());
    }

    /// What the webhook as such complains of.
    pub(crate) fn set_webhook(&self, number: u32, problems: Vec<String>) {
        self.lock().sources.entry(number).or_default().problems = problems;
    }

    /// What holds up taking what is posted.
    pub(crate) fn set_posting(&self, problem: Option<String>) {
        self.lock().posting = problem;
    }
}
