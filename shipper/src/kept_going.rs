//! A delivery that goes on whatever happens to it.
//!
//! Promise: one that breaks off (only a defect of this program does that) is begun again after a pause, and both
//! status and log say so; nothing is lost by it, since bodies leave the spool only when they were delivered.

use std::sync::Arc;
use std::time::Duration;

use chassis::Stop;
use futures_util::future::BoxFuture;

use crate::standing::Standing;

const PAUSE: Duration = Duration::from_secs(1);

/// Runs what `begin` gives until it ends in order, which it does at `stop`.
pub(crate) async fn kept_going(
    begin: impl Fn() -> BoxFuture<'static, ()>,
    standing: Arc<Standing>,
    stop: Stop,
) {
    while let Err(broken) = tokio::spawn(begin()).await {
        if stop.requested() || broken.is_cancelled() {
            tracing::error!(%broken, "a delivery broke off; its events stay spooled");
            return;
        }
        tracing::error!(%broken, "a delivery broke off and is begun again; its events stay spooled");
        standing.fails(
            false,
            &format!("delivery broke off and is begun again, please report this defect: {broken}"),
        );
        tokio::select! {
            () = stop.wait() => {}
            () = tokio::time::sleep(PAUSE) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;
    use crate::metrics::Metrics;

    #[tokio::test]
    async fn a_delivery_that_breaks_off_is_begun_again_and_named() {
        let (begun, stop) = (Arc::new(AtomicU32::new(0)), Stop::new());
        let standing = Arc::new(Standing::new(Metrics::of("kept")));
        let (count, asked) = (begun.clone(), stop.clone());
        let begin = move || -> BoxFuture<'static, ()> {
            let (nth, asked) = (count.fetch_add(1, Ordering::SeqCst), asked.clone());
            Box::pin(async move {
                assert!(nth > 0, "a defect");
                asked.request();
            })
        };
        kept_going(begin, standing.clone(), stop).await;
        assert_eq!(begun.load(Ordering::SeqCst), 2);
        assert!(standing.seen().problem.contains("a defect"), "{}", standing.seen().problem);
        assert!(standing.seen().since.is_some());
    }
}
