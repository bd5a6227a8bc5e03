//! All services in one process: the same stages, joined by calls.
//!
//! Promise: there is no second way of the data; what stands between the stages in one process is a function
//! call instead of a gRPC call, and nothing else differs.

use std::sync::Arc;

use anyhow::Context;
use collector::Collector;
use proto::v1::ServiceStatus;
use router::Router;
use shipper::{Destination, Shipper};

use crate::look::looked;

/// The services of one process.
#[derive(Clone)]
pub(crate) struct Services {
    /// File to queue to next stage.
    pub collector: Arc<Collector>,
    /// Policy and routes.
    pub router: Router,
    /// Spools and destinations.
    pub shipper: Shipper,
    /// The destinations that are standard output.
    stdouts: Arc<[String]>,
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
        let stdouts = shipper.destinations.iter().filter(|(_, to)| matches!(to, Destination::Stdout(_)));
        let stdouts = stdouts.map(|(name, _)| name.clone()).collect();
        let shipper = Shipper::open(shipper).context("the shipper does not start")?;
        let router = Router::new(router, shipper.stage()).context("the router does not start")?;
        let collector = Collector::open(collector, router.stage()).context("the collector does not start")?;
        Ok(Services { collector: Arc::new(collector), router, shipper, stdouts })
    }

    /// Whether lines go to standard output.
    pub(crate) fn has_stdout(&self) -> bool {
        !self.stdouts.is_empty()
    }

    /// The word on standard output when it cannot be written to. Whoever read it is gone, and will not come back, which
    /// no other destination's trouble says.
    pub(crate) fn closed_stdout(&self) -> Option<String> {
        let mut stuck = self.shipper.progress().stuck.into_iter();
        stuck.find(|stuck| self.stdouts.contains(&stuck.destination)).map(|stuck| stuck.problem)
    }

    /// Whether lines go to standard output and nowhere else.
    pub(crate) fn is_for_stdout_alone(&self) -> bool {
        self.has_stdout() && self.stdouts.len() == self.shipper.destinations().len()
    }

    /// What each says of itself, as one [`look`](crate::look): the collector is asked before the shipper and after it.
    pub(crate) fn status(&self) -> Vec<ServiceStatus> {
        let earlier = self.collector.status();
        let shipper = self.shipper.status();
        let router = self.router.status();
        looked(vec![self.collector.status(), router, shipper], &earlier)
    }
}
