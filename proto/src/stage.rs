//! The one verb: push a batch, get a receipt.

use std::future::Future;

use tower::util::BoxCloneSyncService;
use tower::{BoxError, service_fn};

use crate::{Batch, Receipt, Refusal};

/// A stage of the pipe.
///
/// A [`Receipt`] means: this stage, or one behind it, has the batch durable or delivered; whoever holds the
/// receipt may forget the batch. A [`Refusal`] means that nothing of it may be forgotten. Every stage accepts
/// the same batch again and does its work once.
pub type Stage = BoxCloneSyncService<Batch, Receipt, Refusal>;

/// A stage from a function.
pub fn stage<F, Fut>(push: F) -> Stage
where
    F: Fn(Batch) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Result<Receipt, Refusal>> + Send + 'static,
{
    BoxCloneSyncService::new(service_fn(push))
}

/// What a layer around a stage (a timeout, a limit) says, as a refusal.
impl From<BoxError> for Refusal {
    fn from(error: BoxError) -> Self {
        match error.downcast::<Refusal>() {
            Ok(refusal) => *refusal,
            Err(other) => Refusal::Unavailable { why: other.to_string() },
        }
    }
}
