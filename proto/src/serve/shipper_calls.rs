//! The calls of service `Shipper`, from a trait of plain calls.
//!
//! Promise: only whom admin calls are answered is answered here; why something was not done comes back as the status
//! that callers act on.

use std::sync::Arc;

use tonic::{Request, Response, Status};

use super::Admitted;
use crate::v1::shipper_server::Shipper;
use crate::v1::{
    DestinationsReply, DestinationsRequest, DropDeadLettersReply, DropDeadLettersRequest, GetDeadLetterReply,
    GetDeadLetterRequest, HoldReply, HoldRequest, ListDeadLettersReply, ListDeadLettersRequest,
    ReceiptsReply, ReceiptsRequest, ReleaseReply, ReleaseRequest, RetryDeadLettersReply,
    RetryDeadLettersRequest,
};

/// Why an operator's call was not followed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotDone {
    /// The request cannot be meant: `INVALID_ARGUMENT`.
    #[error("{0}")]
    Invalid(String),
    /// What it names is not there: `NOT_FOUND`.
    #[error("{0}")]
    NotFound(String),
    /// Not now; the same call may be made again: `UNAVAILABLE`.
    #[error("{0}")]
    NotNow(String),
}

impl From<NotDone> for Status {
    fn from(error: NotDone) -> Status {
        match error {
            NotDone::Invalid(why) => Status::invalid_argument(why),
            NotDone::NotFound(why) => Status::not_found(why),
            NotDone::NotNow(why) => Status::unavailable(why),
        }
    }
}

/// Answers what operators ask a shipper. Calls may block (they are made on a blocking thread), for a bounded time.
///
/// Each returns [`NotDone`] where it was not followed.
#[expect(clippy::missing_errors_doc, reason = "the trait says it for all of them")]
pub trait ShipperCalls: Send + Sync + 'static {
    /// How each destination fares.
    fn destinations(&self, request: &DestinationsRequest) -> Result<DestinationsReply, NotDone>;

    /// Keeps a destination from sending.
    fn hold(&self, request: &HoldRequest) -> Result<HoldReply, NotDone>;

    /// Lets it send again, now.
    fn release(&self, request: &ReleaseRequest) -> Result<ReleaseReply, NotDone>;

    /// A page of dead letters.
    fn list_dead_letters(&self, request: &ListDeadLettersRequest) -> Result<ListDeadLettersReply, NotDone>;

    /// One dead letter with its event.
    fn get_dead_letter(&self, request: &GetDeadLetterRequest) -> Result<GetDeadLetterReply, NotDone>;

    /// Puts dead letters back on their way.
    fn retry_dead_letters(&self, request: &RetryDeadLettersRequest)
    -> Result<RetryDeadLettersReply, NotDone>;

    /// Removes dead letters for good.
    fn drop_dead_letters(&self, request: &DropDeadLettersRequest) -> Result<DropDeadLettersReply, NotDone>;

    /// A page of receipts.
    fn receipts(&self, request: &ReceiptsRequest) -> Result<ReceiptsReply, NotDone>;
}

pub(super) struct Asked {
    pub(super) calls: Arc<dyn ShipperCalls>,
    pub(super) admitted: Admitted,
}

impl Asked {
    async fn call<Q: Send + 'static, A: Send + 'static>(
        &self,
        request: Request<Q>,
        call: impl FnOnce(&dyn ShipperCalls, &Q) -> Result<A, NotDone> + Send + 'static,
    ) -> Result<Response<A>, Status> {
        self.admitted.admit(&request)?;
        let (calls, question) = (self.calls.clone(), request.into_inner());
        let answer = tokio::task::spawn_blocking(move || call(&*calls, &question)).await;
        let answer =
            answer.map_err(|error| Status::internal(format!("the call was interrupted: {error}")))?;
        Ok(Response::new(answer?))
    }
}

/// What every call returns.
type Answer<A> = Result<Response<A>, Status>;

#[tonic::async_trait]
impl Shipper for Asked {
    async fn destinations(&self, request: Request<DestinationsRequest>) -> Answer<DestinationsReply> {
        self.call(request, |calls, request| calls.destinations(request)).await
    }

    async fn hold(&self, request: Request<HoldRequest>) -> Answer<HoldReply> {
        self.call(request, |calls, request| calls.hold(request)).await
    }

    async fn release(&self, request: Request<ReleaseRequest>) -> Answer<ReleaseReply> {
        self.call(request, |calls, request| calls.release(request)).await
    }

    async fn list_dead_letters(
        &self,
        request: Request<ListDeadLettersRequest>,
    ) -> Answer<ListDeadLettersReply> {
        self.call(request, |calls, request| calls.list_dead_letters(request)).await
    }

    async fn get_dead_letter(&self, request: Request<GetDeadLetterRequest>) -> Answer<GetDeadLetterReply> {
        self.call(request, |calls, request| calls.get_dead_letter(request)).await
    }

    async fn retry_dead_letters(
        &self,
        request: Request<RetryDeadLettersRequest>,
    ) -> Answer<RetryDeadLettersReply> {
        self.call(request, |calls, request| calls.retry_dead_letters(request)).await
    }

    async fn drop_dead_letters(
        &self,
        request: Request<DropDeadLettersRequest>,
    ) -> Answer<DropDeadLettersReply> {
        self.call(request, |calls, request| calls.drop_dead_letters(request)).await
    }

    async fn receipts(&self, request: Request<ReceiptsRequest>) -> Answer<ReceiptsReply> {
        self.call(request, |calls, request| calls.receipts(request)).await
    }
}
