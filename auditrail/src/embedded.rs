//! All services in one process: the same stages, joined by calls.
//!
//! Promise: there is no second way of the data; what stands between the stages in one process is a function
//! call instead of a gRPC call, and nothing else differs.

use std::sync::Arc;

use anyhow::Context;
use collector::Collector;
use proto::v1::ServiceStatus;
use router::Router;
use shipper::Shipper;

/// The services of one process.
#[derive(Clone)]
pub(crate) struct Services {
    /// File to queue to next stage.
    pub collector: Arc<Collector>,
    /// Policy and routes.
    pub router: Router,
    /// Spools and destinations.
    pub shipper: Shipper,
}

impl Services {
    /// Opens all of them, last first; nothing runs yet. Blocks on the disk.
    ///
    /// # Errors
    /// When one cannot be opened; what is wrong and what to do is in the chain.
    pub(crate) fn open(
        collector: collector::Config,
        router: &router::Config,
        shipper: &shipper::Config,
    ) -> anyhow::Result<Services> {
        let shipper = Shipper::open(shipper).context("the shipper does not start")?;
        let router = Router::new(router, shipper.stage()).context("the router does not start")?;
        let collector = Collector::open(collector, router.stage()).context("the collector does not start")?;
        Ok(Services { collector: Arc::new(collector), router, shipper })
    }

    /// What each says of itself. The shipper is asked first: what it has ended was read before, so that the
    /// account never shows more ended than read.
    pub(crate) fn status(&self) -> Vec<ServiceStatus> {
        let shipper = self.shipper.status();
        let router = self.router.status();
        vec![self.collector.status(), router, shipper]
    }
}
