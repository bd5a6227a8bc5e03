//! The calls of service `Router`, from a trait of plain calls.
//!
//! Promise: only whom admin calls are answered is answered here; a refused request is `INVALID_ARGUMENT` with the
//! reason.

use std::pin::Pin;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_stream::{Stream, StreamExt};
use tonic::{Request, Response, Status};

use super::Admitted;
use crate::v1::router_server::Router;
use crate::v1::{
    ElevateReply, ElevateRequest, ExplainReply, ExplainRequest, GetPolicyReply, GetPolicyRequest,
    SetPolicyReply, SetPolicyRequest, TapRequest, Tapped,
};

/// Answers what operators ask a router. Calls may block for a short while (they are made on a blocking thread); an
/// error says what is wrong with the request.
pub trait RouterCalls: Send + Sync + 'static {
    /// The policy in force.
    ///
    /// # Errors
    /// When the request cannot be meant.
    fn get_policy(&self, request: &GetPolicyRequest) -> Result<GetPolicyReply, String>;

    /// Another policy in the place of the one of all routes.
    ///
    /// # Errors
    /// When kube-apiserver would refuse it.
    fn set_policy(&self, request: &SetPolicyRequest) -> Result<SetPolicyReply, String>;

    /// More detail for some time.
    ///
    /// # Errors
    /// When the request cannot be meant.
    fn elevate(&self, request: &ElevateRequest) -> Result<ElevateReply, String>;

    /// What becomes of an event.
    ///
    /// # Errors
    /// When the line is no audit event.
    fn explain(&self, request: &ExplainRequest) -> Result<ExplainReply, String>;

    /// Events as they pass, until the receiver is dropped or the router stops.
    ///
    /// # Errors
    /// When the condition cannot be meant, or too many are listening.
    fn tap(&self, request: &TapRequest) -> Result<mpsc::Receiver<Tapped>, String>;
}

pub(super) struct Asked {
    pub(super) calls: Arc<dyn RouterCalls>,
    pub(super) admitted: Admitted,
}

impl Asked {
    async fn call<Q: Send + 'static, A: Send + 'static>(
        &self,
        request: Request<Q>,
        call: impl FnOnce(&dyn RouterCalls, &Q) -> Result<A, String> + Send + 'static,
    ) -> Result<Response<A>, Status> {
        self.admitted.admit(&request)?;
        let calls = self.calls.clone();
        let question = request.into_inner();
        let answer = tokio::task::spawn_blocking(move || call(&*calls, &question)).await;
        let answer =
            answer.map_err(|error| Status::internal(format!("the call was interrupted: {error}")))?;
        answer.map(Response::new).map_err(Status::invalid_argument)
    }
}

#[tonic::async_trait]
impl Router for Asked {
    async fn get_policy(
        &self,
        request: Request<GetPolicyRequest>,
    ) -> Result<Response<GetPolicyReply>, Status> {
        self.call(request, |calls, request| calls.get_policy(request)).await
    }

    async fn set_policy(
        &self,
        request: Request<SetPolicyRequest>,
    ) -> Result<Response<SetPolicyReply>, Status> {
        self.call(request, |calls, request| calls.set_policy(request)).await
    }

    async fn elevate(&self, request: Request<ElevateRequest>) -> Result<Response<ElevateReply>, Status> {
        self.call(request, |calls, request| calls.elevate(request)).await
    }

    async fn explain(&self, request: Request<ExplainRequest>) -> Result<Response<ExplainReply>, Status> {
        self.call(request, |calls, request| calls.explain(request)).await
    }

    type TapStream = Pin<Box<dyn Stream<Item = Result<Tapped, Status>> + Send>>;

    async fn tap(&self, request: Request<TapRequest>) -> Result<Response<Self::TapStream>, Status> {
        let limit = request.get_ref().limit;
        let events = self.call(request, |calls, request| calls.tap(request)).await?.into_inner();
        let most = if limit == 0 { usize::MAX } else { usize::try_from(limit).unwrap_or(usize::MAX) };
        Ok(Response::new(Box::pin(ReceiverStream::new(events).map(Ok).take(most))))
    }
}
