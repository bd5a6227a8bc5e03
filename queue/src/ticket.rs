//! The claim on an operation that was handed over.
//!
//! Promise: a ticket that resolves to positions does so only after its whole group is durable, segment and index.
//! A dropped ticket does not withdraw the operation.

use std::future::Future;
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::sync::oneshot;

use crate::error::Failed;

pub(crate) type Outcome = Result<Range<u64>, Failed>;

/// Resolves to the positions that the operation's records got (an empty range when it had none), or to why it is
/// not durable.
#[derive(Debug)]
#[must_use = "the operation is durable only when its ticket says so"]
pub struct Ticket(oneshot::Receiver<Outcome>);

impl Ticket {
    pub(crate) fn new() -> (oneshot::Sender<Outcome>, Ticket) {
        let (sender, receiver) = oneshot::channel();
        (sender, Ticket(receiver))
    }

    /// Waits on the calling thread, for code that is not asynchronous.
    ///
    /// # Panics
    /// When called from an asynchronous task; await the ticket there.
    pub fn wait(self) -> Result<Range<u64>, Failed> {
        self.0.blocking_recv().unwrap_or(Err(Failed::Stopped))
    }
}

impl Future for Ticket {
    type Output = Result<Range<u64>, Failed>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(context).map(|outcome| outcome.unwrap_or(Err(Failed::Stopped)))
    }
}
