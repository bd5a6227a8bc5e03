//! A thread of its own for work that blocks.
//!
//! Promises: one piece of work at a time, always on the same thread. That bounds memory: allocators keep what they
//! freed per thread, and large pieces that wander over the runtime's many threads for blocking work leave as much
//! behind on each.

use std::io;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use tokio::sync::oneshot;

use crate::attempt::blocking;

type Work = Box<dyn FnOnce() + Send>;

/// The thread; it ends when the bench is dropped and its work is done.
pub(crate) struct Workbench(Option<SyncSender<Work>>);

impl Workbench {
    /// Starts the thread. Where the system has none to give, work is done on the runtime's threads.
    pub(crate) fn new(name: &str) -> Workbench {
        let started = start(name).inspect_err(|error| tracing::warn!(%error, name, "no thread of its own"));
        Workbench(started.ok())
    }

    /// Does a piece of work and gives its result.
    pub(crate) async fn run<T: Send + 'static>(&mut self, work: impl FnOnce() -> T + Send + 'static) -> T {
        let Some(thread) = &self.0 else { return blocking(work).await };
        let (done, result) = oneshot::channel();
        let work = Box::new(move || {
            // Nobody listens when the runtime went down meanwhile.
            let _ = done.send(work());
        });
        match thread.send(work) {
            Ok(()) => result.await.expect("the thread lives as long as its bench; work does not panic"),
            Err(_) => std::future::pending().await,
        }
    }
}

fn start(name: &str) -> io::Result<SyncSender<Work>> {
    // One piece is in work at a time, since `run` takes the bench for itself.
    let (sender, receiver): (_, Receiver<Work>) = sync_channel(1);
    let work = move || receiver.into_iter().for_each(|work| work());
    thread::Builder::new().name(format!("deliver-{name}")).spawn(work)?;
    Ok(sender)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn all_work_is_done_on_one_thread_in_order() {
        let mut bench = Workbench::new("spec");
        let mut threads = Vec::new();
        for number in 0..10 {
            let (thread, back) = bench.run(move || (thread::current().id(), number)).await;
            assert_eq!(back, number);
            threads.push(thread);
        }
        threads.dedup();
        assert_eq!(threads.len(), 1);
        assert_ne!(threads[0], thread::current().id());
    }
}
