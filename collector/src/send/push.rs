//! One batch until it has its receipt.
//!
//! Promises: a batch is done when every line of it is covered by a receipt or lies in quarantine; it is sent again
//! for as long as that takes; what is too large or invalid is divided down to the line that is.

use std::sync::Arc;
use std::time::Duration;

use proto::{Batch, Receipt, Refusal, Stage, Trace};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use tracing::Instrument;

use super::backoff::Backoff;
use crate::books::Books;
use crate::metrics;
use crate::quarantine::{Held, Quarantine};
use crate::tally::Tally;

/// The cause of dead lines that the next stage will never take.
pub(crate) const REFUSED: &str = "refused";

/// An answer that takes longer is given up; the same batch goes again.
const PATIENCE: Duration = Duration::from_secs(60);

/// What pushing works with.
#[derive(Clone)]
pub(crate) struct Push {
    pub(crate) next: Stage,
    pub(crate) books: Arc<Books>,
    pub(crate) quarantine: Arc<Quarantine>,
    /// No more attempts after a refusal.
    pub(crate) stop: CancellationToken,
}

/// How asking for a receipt ended.
enum Answer {
    Receipt,
    /// The next stage will not take it as it is.
    Never(Refusal),
    Stopped,
}

impl Push {
    /// Sends a batch until all of it is done; gives the lines that were refused for good, or nothing when a stop
    /// came before a receipt.
    pub(crate) async fn batch(&self, batch: Batch) -> Option<Tally> {
        let mut refused = Tally::default();
        let mut parts = vec![batch];
        while let Some(part) = parts.pop() {
            let refusal = match self.until_answered(&part).await {
                Answer::Receipt => continue,
                Answer::Never(refusal) => refusal,
                Answer::Stopped => return None,
            };
            match divided(&part) {
                Some((first, second)) => parts.extend([second, first]),
                None => refused.add(self.set_aside(part, refusal).await),
            }
        }
        Some(refused)
    }

    /// Sends the same until there is a receipt or a refusal for good.
    async fn until_answered(&self, part: &Batch) -> Answer {
        let mut backoff = Backoff::new();
        loop {
            let refusal = match self.once(part).await {
                Ok(_) => {
                    self.books.set_sending(None);
                    return Answer::Receipt;
                }
                Err(refusal) => refusal,
            };
            metrics::pushed(answer(&refusal));
            let pause = match &refusal {
                Refusal::TooLarge { .. } | Refusal::Invalid { .. } => return Answer::Never(refusal),
                Refusal::Unauthorised { .. } => Backoff::LONG,
                Refusal::Busy { .. } | Refusal::Unavailable { .. } => backoff.next(),
            };
            tracing::debug!(first = part.first, last = part.last, %refusal, "batch is sent again");
            self.books.set_sending(Some((answer(&refusal), format!("sending waits: next stage {refusal}"))));
            tokio::select! {
                () = self.stop.cancelled() => return Answer::Stopped,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    async fn once(&self, part: &Batch) -> Result<Receipt, Refusal> {
        let origin = part.origin.as_ref().map(ToString::to_string).unwrap_or_default();
        let (first, last, events) = (part.first, part.last, part.events);
        let span = tracing::info_span!("collector.push", origin, first, last, events);
        if let Some(read) = Trace::read(&part.trace) {
            read.adopt(&span);
        }
        let answer = self.next.clone().oneshot(part.clone()).instrument(span);
        let late = |_| Refusal::Unavailable { why: format!("no answer within {} s", PATIENCE.as_secs()) };
        let receipt = tokio::time::timeout(PATIENCE, answer).await.map_err(late)??;
        if (&receipt.queue, receipt.first, receipt.last) != (&part.queue, part.first, part.last) {
            let why =
                format!("its receipt is for {} to {}, not {first} to {last}", receipt.first, receipt.last);
            return Err(Refusal::Unavailable { why });
        }
        metrics::pushed(if receipt.repeated { "repeated" } else { "receipt" });
        Ok(receipt)
    }

    /// Keeps what can be divided no further, and was refused.
    async fn set_aside(&self, part: Batch, refusal: Refusal) -> Tally {
        let as_read = part.read_bytes.iter().map(|&bytes| u64::from(bytes)).sum();
        let bytes = if part.read_bytes.is_empty() { part.block_bytes } else { as_read };
        let tally = Tally::new(u64::from(part.events), bytes);
        let quarantine = Arc::clone(&self.quarantine);
        let mut backoff = Backoff::new();
        let keep = move || -> std::io::Result<()> {
            let path = part.origin.as_ref().map(|origin| origin.path.clone()).unwrap_or_default();
            let why = refusal.to_string();
            let lines = part.lines().unwrap_or_default();
            let held = lines.iter().map(|line| Held {
                path: path.as_ref(),
                offset: None,
                number: line.number,
                bytes: line.bytes.len() as u64,
                line: &line.bytes,
                cause: REFUSED,
                why: &why,
            });
            quarantine.keep(&held.collect::<Vec<_>>())
        };
        while let Ok(Err(error)) = tokio::task::spawn_blocking(keep.clone()).await {
            self.books
                .set_sending(Some(("queue", format!("refused lines cannot be kept in quarantine: {error}"))));
            tokio::time::sleep(backoff.next()).await;
        }
        self.books.set_sending(None);
        metrics::left_out(REFUSED, tally.events);
        tally
    }
}

/// Two halves of what still has more than one line.
fn divided(part: &Batch) -> Option<(Batch, Batch)> {
    if part.events < 2 {
        return None;
    }
    part.split().ok().flatten()
}

fn answer(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::Busy { .. } => "busy",
        Refusal::Unavailable { .. } => "unavailable",
        Refusal::Unauthorised { .. } => "unauthorised",
        Refusal::TooLarge { .. } => "too large",
        Refusal::Invalid { .. } => "invalid",
    }
}
