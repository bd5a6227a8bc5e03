//! The calls of service `Collector`, from a trait of plain calls.
//!
//! Promise: who may read sees the sources, only whom admin calls are answered changes anything; why something was not
//! done comes back as the status that callers act on.

use std::sync::Arc;

use tonic::{Request, Response, Status};

use super::{Admitted, NotDone};
use crate::tls::Role;
use crate::v1::collector_server::Collector;
use crate::v1::{
    PauseReply, PauseRequest, ResumeReply, ResumeRequest, SeekReply, SeekRequest, SourcesReply,
    SourcesRequest,
};

/// Answers what operators ask a collector. Calls may block (they are made on a blocking thread), for a bounded time.
///
/// Each returns [`NotDone`] where it was not followed.
#[expect(clippy::missing_errors_doc, reason = "the trait says it for all of them")]
pub trait CollectorCalls: Send + Sync + 'static {
    /// How each log is read.
    fn sources(&self, request: &SourcesRequest) -> Result<SourcesReply, NotDone>;

    /// Reads no more.
    fn pause(&self, request: &PauseRequest) -> Result<PauseReply, NotDone>;

    /// Reads on.
    fn resume(&self, request: &ResumeRequest) -> Result<ResumeReply, NotDone>;

    /// Reads from another place.
    fn seek(&self, request: &SeekRequest) -> Result<SeekReply, NotDone>;
}

pub(super) struct Asked {
    pub(super) calls: Arc<dyn CollectorCalls>,
    pub(super) admitted: Admitted,
}

impl Asked {
    async fn call<Q: Send + 'static, A: Send + 'static>(
        &self,
        request: Request<Q>,
        role: Role,
        call: impl FnOnce(&dyn CollectorCalls, &Q) -> Result<A, NotDone> + Send + 'static,
    ) -> Result<Response<A>, Status> {
        self.admitted.admit_as(&request, role)?;
        let calls = self.calls.clone();
        let question = request.into_inner();
        let answer = tokio::task::spawn_blocking(move || call(&*calls, &question)).await;
        let answer =
            answer.map_err(|error| Status::internal(format!("the call was interrupted: {error}")))?;
        answer.map(Response::new).map_err(Status::from)
    }
}

#[tonic::async_trait]
impl Collector for Asked {
    async fn sources(&self, request: Request<SourcesRequest>) -> Result<Response<SourcesReply>, Status> {
        self.call(request, Role::Read, |calls, request| calls.sources(request)).await
    }

    async fn pause(&self, request: Request<PauseRequest>) -> Result<Response<PauseReply>, Status> {
        self.call(request, Role::Admin, |calls, request| calls.pause(request)).await
    }

    async fn resume(&self, request: Request<ResumeRequest>) -> Result<Response<ResumeReply>, Status> {
        self.call(request, Role::Admin, |calls, request| calls.resume(request)).await
    }

    async fn seek(&self, request: Request<SeekRequest>) -> Result<Response<SeekReply>, Status> {
        self.call(request, Role::Admin, |calls, request| calls.seek(request)).await
    }
}
