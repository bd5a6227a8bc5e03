//! The calls of service `Admin`, which every process answers.
//!
//! Promises: who may read sees the status, only whom admin calls are answered changes anything; a watch and a drain end
//! with the process; what a process cannot do is `UNIMPLEMENTED`, with the reason.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_stream::{Stream, StreamExt};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;

use super::admitted::Admitted;
use crate::tls::Role;
use crate::v1::admin_server::Admin;
use crate::v1::{
    DrainReply, DrainRequest, ReloadReply, ReloadRequest, SetLogLevelReply, SetLogLevelRequest, StatusReply,
    StatusRequest, WatchStatusRequest,
};

/// Who may watch at once.
const MOST_WATCHERS: usize = 32;
/// Most seconds between two, and most of a drain.
const HOUR: u32 = 3600;
/// How often what is left is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// Answers `Admin.Status`. May block for a short while (it is called on a blocking thread).
pub type StatusSource = Arc<dyn Fn() -> StatusReply + Send + Sync>;

/// Answers `Admin.Reload`. May block for a short while (it is called on a blocking thread).
pub type ReloadSource = Arc<dyn Fn() -> ReloadReply + Send + Sync>;

/// Changes what is logged to `(level, seconds)`, for ever where there are none; gives what was logged before. Called on
/// the runtime.
pub type LogLevel = Arc<dyn Fn(&str, Option<Duration>) -> Result<String, String> + Send + Sync>;

/// What a process does when it is drained.
pub trait Drain: Send + Sync + 'static {
    /// Takes in nothing more (`true`), or again.
    fn close(&self, closed: bool);

    /// How many events are still held, and by whom in words; no words when none are. May block for a short while.
    fn left(&self) -> (u64, Vec<String>);
}

/// The answer of a process that reads its configuration again and keeps to what it started with: the keys that wait for
/// its next start, or what is wrong.
impl From<Result<Vec<String>, String>> for ReloadReply {
    fn from(read: Result<Vec<String>, String>) -> ReloadReply {
        match read {
            Ok(waiting) => ReloadReply { waiting, ..ReloadReply::default() },
            Err(problem) => ReloadReply { problem, ..ReloadReply::default() },
        }
    }
}

pub(super) struct Operator {
    pub(super) status: StatusSource,
    pub(super) reload: Option<ReloadSource>,
    pub(super) log_level: Option<LogLevel>,
    pub(super) drain: Option<Arc<dyn Drain>>,
    pub(super) admitted: Admitted,
    pub(super) health: HealthReporter,
    /// Ends with the server.
    pub(super) ending: CancellationToken,
    pub(super) watchers: Arc<AtomicUsize>,
}

/// A place among those who watch.
struct Watcher(Arc<AtomicUsize>);

impl Drop for Watcher {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The status, and what the server itself knows.
async fn told(status: StatusSource, admitted: Admitted) -> Result<StatusReply, Status> {
    let reply = tokio::task::spawn_blocking(move || {
        let mut reply = status();
        if let Some(first) = reply.services.first_mut() {
            first.problems.extend(admitted.problems());
        }
        reply
    });
    reply.await.map_err(|error| Status::internal(format!("status: {error}")))
}

/// Tells whether the process takes in anything, as `grpc.health.v1` does.
pub(super) async fn tell(health: &HealthReporter, serving: bool) {
    let status = if serving { ServingStatus::Serving } else { ServingStatus::NotServing };
    for service in ["", "auditrail.v1.Pipe"] {
        health.set_service_status(service, status).await;
    }
}

#[tonic::async_trait]
impl Admin for Operator {
    async fn status(&self, request: Request<StatusRequest>) -> Result<Response<StatusReply>, Status> {
        self.admitted.admit_as(&request, Role::Read)?;
        told(self.status.clone(), self.admitted.clone()).await.map(Response::new)
    }

    type WatchStatusStream = Pin<Box<dyn Stream<Item = Result<StatusReply, Status>> + Send>>;

    async fn watch_status(
        &self,
        request: Request<WatchStatusRequest>,
    ) -> Result<Response<Self::WatchStatusStream>, Status> {
        self.admitted.admit_as(&request, Role::Read)?;
        let watcher = Watcher(Arc::clone(&self.watchers));
        if self.watchers.fetch_add(1, Ordering::Relaxed) >= MOST_WATCHERS {
            let why = format!("{MOST_WATCHERS} others watch already; let one of them end");
            return Err(Status::resource_exhausted(why));
        }
        let WatchStatusRequest { seconds, limit } = request.into_inner();
        let pause = Duration::from_secs(u64::from(if seconds == 0 { 2 } else { seconds.min(HOUR) }));
        let (sender, told_to) = mpsc::channel(1);
        let (status, admitted, ending) = (self.status.clone(), self.admitted.clone(), self.ending.clone());
        tokio::spawn(async move {
            let _watcher = watcher;
            let watched = async {
                // Gives up when nobody listens any more.
                while sender.send(told(status.clone(), admitted.clone()).await).await.is_ok() {
                    tokio::select! {
                        () = tokio::time::sleep(pause) => {}
                        () = sender.closed() => return,
                    }
                }
            };
            tokio::select! {
                () = watched => {}
                () = ending.cancelled() => {}
            }
        });
        let most = if limit == 0 { usize::MAX } else { limit as usize };
        Ok(Response::new(Box::pin(ReceiverStream::new(told_to).take(most))))
    }

    async fn reload(&self, request: Request<ReloadRequest>) -> Result<Response<ReloadReply>, Status> {
        self.admitted.admit(&request)?;
        let none = || Status::unimplemented("this process has no configuration to read again");
        let reload = self.reload.clone().ok_or_else(none)?;
        let reply = tokio::task::spawn_blocking(move || reload()).await;
        reply.map(Response::new).map_err(|error| Status::internal(format!("reload: {error}")))
    }

    async fn set_log_level(
        &self,
        request: Request<SetLogLevelRequest>,
    ) -> Result<Response<SetLogLevelReply>, Status> {
        self.admitted.admit(&request)?;
        let SetLogLevelRequest { level, seconds } = request.into_inner();
        let none = || Status::unimplemented("what this process logs cannot be changed while it runs");
        let set = self.log_level.as_ref().ok_or_else(none)?;
        let time = (seconds > 0).then(|| Duration::from_secs(seconds.into()));
        let before = set(&level, time).map_err(Status::invalid_argument)?;
        Ok(Response::new(SetLogLevelReply { level, before }))
    }

    async fn drain(&self, request: Request<DrainRequest>) -> Result<Response<DrainReply>, Status> {
        self.admitted.admit(&request)?;
        let DrainRequest { seconds, resume } = request.into_inner();
        let none = || Status::unimplemented("this process holds nothing that could be drained");
        let drain = self.drain.clone().ok_or_else(none)?;
        // Not ready first: who looks at that stays away before anybody is refused.
        if !resume {
            tell(&self.health, false).await;
        }
        drain.close(!resume);
        if resume {
            tell(&self.health, true).await;
        }
        let patience = Duration::from_secs(u64::from(if seconds == 0 { 30 } else { seconds.min(HOUR) }));
        let until = tokio::time::Instant::now() + if resume { Duration::ZERO } else { patience };
        loop {
            let asked = Arc::clone(&drain);
            let left = tokio::task::spawn_blocking(move || asked.left()).await;
            let (events, left) = left.map_err(|error| Status::internal(format!("drain: {error}")))?;
            if left.is_empty() || tokio::time::Instant::now() >= until || self.ending.is_cancelled() {
                return Ok(Response::new(DrainReply { drained: left.is_empty(), events, left }));
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}
