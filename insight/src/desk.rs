//! A thread that answers questions, one after the other.
//!
//! Promises: it is the same thread for all of them, since an allocator keeps for each thread what that one had in its
//! busiest moment, and what answers take would be kept as often as there are threads; a question that panics ends alone.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{SyncSender, sync_channel};

use tokio::sync::oneshot;

type Job = Box<dyn FnOnce() + Send>;

/// The thread; it ends when this is dropped and its question is answered.
#[derive(Debug)]
pub(crate) struct Desk {
    jobs: SyncSender<Job>,
}

impl Desk {
    pub(crate) fn open() -> Desk {
        let (jobs, waiting) = sync_channel::<Job>(1);
        std::thread::spawn(move || {
            // The question tells of its panic by its answer, which never comes.
            waiting.into_iter().for_each(|job| drop(catch_unwind(AssertUnwindSafe(job))));
        });
        Desk { jobs }
    }

    /// The answer; none when the question panicked. Whoever asks takes care that no other question waits: a second one
    /// that waits would block.
    pub(crate) async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move || {
            let _ = answer.send(question()); // who asked may have gone
        });
        self.jobs.send(job).ok()?;
        answered.await.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_thread_answers_all_and_goes_on_after_one_that_panics() {
        let desk = Desk::open();
        let thread = || std::thread::current().id();
        let first = desk.ask(thread).await.unwrap();
        assert_eq!(desk.ask(|| panic!("a question that panics, as it should")).await, None::<()>);
        assert_eq!(desk.ask(thread).await, Some(first));
        assert_ne!(first, thread());
    }
}
