//! One batch to many destinations, at the same time.
//!
//! Promises: every destination is asked whatever the others say, a receipt for another batch counts as none,
//! and of several refusals the one is told by which the sender does the right thing first.

use std::sync::Arc;

use futures_util::future::join_all;
use proto::{Batch, Receipt, Refusal, Stage};
use tower::ServiceExt;

use crate::rules::Destination;
use crate::share::Share;

/// What a destination answered; true: it had the batch before.
pub(crate) type Answer = Result<bool, Refusal>;

/// Pushes each share to each of its destinations. `heard` is called with every answer as it comes; those that count are
/// returned: what a retired destination refuses holds up nobody.
pub(crate) async fn fan_out(
    next: &Stage,
    shares: &[Share],
    heard: impl Fn(&Destination, &Share, &Answer),
) -> Vec<(Arc<str>, Answer)> {
    let heard = &heard;
    let pushes = shares.iter().flat_map(|share| {
        share.destinations.iter().map(move |destination| async move {
            let batch = Batch {
                destination: destination.name.to_string(),
                best_effort: destination.best_effort,
                ..share.batch.clone()
            };
            let answer = push(next.clone(), batch).await;
            heard(destination, share, &answer);
            let counts = answer.is_ok() || !destination.retired;
            counts.then(|| (destination.name.clone(), answer))
        })
    });
    join_all(pushes).await.into_iter().flatten().collect()
}

async fn push(next: Stage, batch: Batch) -> Answer {
    let expected = batch.receipt();
    let receipt: Receipt = next.oneshot(batch).await?;
    if (&receipt.queue, receipt.first, receipt.last) != (&expected.queue, expected.first, expected.last) {
        return Err(Refusal::Unavailable { why: "the next stage answered for another batch".to_owned() });
    }
    Ok(receipt.repeated)
}

/// The one answer to the sender: the refusal that tells it most, with the name of its destination.
///
/// In this order: unauthorised, since nothing goes on before a person acts; too large, since the halves are what
/// all destinations need then (those that have the whole recognise them); busy before unavailable, since it names
/// what is full; invalid last, since it ends the batch, and may do so only when no other destination waits for it.
pub(crate) fn most_telling(refusals: Vec<(Arc<str>, Refusal)>) -> Option<Refusal> {
    let others = refusals.len().saturating_sub(1);
    let (name, refusal) = refusals.into_iter().min_by_key(|(_, refusal)| rank(refusal))?;
    let more = if others > 0 { format!(" (and {others} more refuse)") } else { String::new() };
    let why = format!("destination `{name}`: {}{more}", refusal.why());
    Some(match refusal {
        Refusal::Unauthorised { .. } => Refusal::Unauthorised { why },
        Refusal::TooLarge { .. } => Refusal::TooLarge { why },
        Refusal::Busy { .. } => Refusal::Busy { why },
        Refusal::Unavailable { .. } => Refusal::Unavailable { why },
        Refusal::Invalid { .. } => Refusal::Invalid { why },
    })
}

/// The answer about a single line that one destination will never take and another one has. The sender would set it
/// aside as dead for both; so it waits, and status names who refuses.
pub(crate) fn never_dead(refusal: Refusal) -> Refusal {
    match refusal {
        Refusal::TooLarge { why } | Refusal::Invalid { why } => {
            let why =
                format!("{why}; others have the line, so it waits: do all shippers have the same version?");
            Refusal::Unavailable { why }
        }
        other => other,
    }
}

fn rank(refusal: &Refusal) -> u8 {
    match refusal {
        Refusal::Unauthorised { .. } => 0,
        Refusal::TooLarge { .. } => 1,
        Refusal::Busy { .. } => 2,
        Refusal::Unavailable { .. } => 3,
        Refusal::Invalid { .. } => 4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_refusal_told_is_the_most_telling_one_and_names_its_destination() {
        let why = || String::from("x");
        let ordered = [
            Refusal::Unauthorised { why: why() },
            Refusal::TooLarge { why: why() },
            Refusal::Busy { why: why() },
            Refusal::Unavailable { why: why() },
            Refusal::Invalid { why: why() },
        ];
        for (at, telling) in ordered.iter().enumerate() {
            let named = |(n, refusal): (usize, &Refusal)| (Arc::from(format!("d{n}")), refusal.clone());
            let refusals = ordered.iter().enumerate().skip(at).map(named).rev().collect();
            let told = most_telling(refusals).unwrap();
            assert_eq!(told.code(), telling.code());
            assert!(told.why().starts_with(&format!("destination `d{at}`: x")), "{told}");
        }
        assert_eq!(most_telling(Vec::new()), None);
    }
}
