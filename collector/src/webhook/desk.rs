//! A request and its answer.
//!
//! Promises: 200 means that every item of the body is on the disk or was before; any other answer, that nothing of
//! the body was taken, with why and what to do as text; 429 and 503 say when to post again. The answer never repeats
//! what was posted.

use std::convert::Infallible;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chassis::datadog::Rules;
use http::header::{ALLOW, CONNECTION, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::body::{self, NoBody, Packing};
use super::ledger::{NotTaken, Taken, Waiting};
use super::posted::{NotPrepared, Posted};
use super::refusals::{Refusals, TOO_LONG_ADVICE};
use crate::canary::Sightings;
use crate::chunk::Bounds;
use crate::metrics;
use crate::orders::Orders;

/// How long a request waits for memory.
const PATIENCE: Duration = Duration::from_secs(5);
/// When a client may post again. The API server does so up to ten times in each of its five attempts.
const AGAIN: HeaderValue = HeaderValue::from_static("5");
/// Bytes of one permit of the memory.
const PERMIT: usize = 1 << 10;

/// Answers requests; clones share it.
#[derive(Clone)]
pub(super) struct Desk {
    pub(super) path: Arc<str>,
    /// The longest body.
    pub(super) limit: usize,
    /// How long a body may take.
    pub(super) slowest: Duration,
    pub(super) bounds: Bounds,
    /// What happens to lines first.
    pub(super) rules: Rules,
    /// Memory for bodies, in permits.
    pub(super) memory: Arc<Semaphore>,
    pub(super) waiting: mpsc::Sender<Waiting>,
    pub(super) refused: Arc<Refusals>,
    /// What operators asked, of the source with this path.
    pub(super) orders: Arc<Orders>,
    /// Where lines of canaries are told of.
    pub(super) canaries: Arc<Sightings>,
    pub(super) origin: Arc<Path>,
    pub(super) stop: CancellationToken,
}

/// An answer that is not 200.
struct Refusal {
    status: StatusCode,
    /// As the metric counts it.
    counted: &'static str,
    text: String,
}

impl Desk {
    /// The memory for bodies of at most `limit` bytes each: for two at a time, packed and unpacked.
    pub(super) fn memory(limit: usize) -> Arc<Semaphore> {
        Arc::new(Semaphore::new(4 * permits(limit)))
    }

    /// Answers a request.
    pub(super) async fn answer(
        self,
        request: Request<Incoming>,
    ) -> Result<Response<Full<Bytes>>, Infallible> {
        let (head, mut body) = request.into_parts();
        let answer = match self.refused_by_head(&head) {
            Some(refusal) => Err(refusal),
            None => self.take(&head, &mut body).await,
        };
        Ok(match answer {
            Ok(Taken::Now) => response(StatusCode::OK, "taken\n".to_owned()),
            Ok(Taken::Before) => response(StatusCode::OK, "taken before\n".to_owned()),
            Err(refusal) => {
                if refusal.status != StatusCode::REQUEST_TIMEOUT {
                    body::read_past(&mut body, self.limit).await;
                }
                self.refuse(refusal)
            }
        })
    }

    fn refused_by_head(&self, head: &http::request::Parts) -> Option<Refusal> {
        if head.uri.path() != &*self.path {
            let text =
                format!("events are posted to {}: check the URL in the API server's kubeconfig", self.path);
            return Some(Refusal { status: StatusCode::NOT_FOUND, counted: "path", text });
        }
        if head.method != Method::POST {
            let text = "only POST is answered here".to_owned();
            return Some(Refusal { status: StatusCode::METHOD_NOT_ALLOWED, counted: "method", text });
        }
        if self.stop.is_cancelled() {
            return Some(not_taken(&NotTaken::Ending));
        }
        self.orders.paused(&self.origin).map(|why| not_taken(&NotTaken::Paused(why)))
    }

    async fn take(&self, head: &http::request::Parts, body: &mut Incoming) -> Result<Taken, Refusal> {
        let packing = Packing::of(&head.headers).map_err(|error| self.no_body(&error))?;
        let room = self.room(packing.memory(body, self.limit)).await?;
        let read = body::read(body, self.limit, self.slowest).await.map_err(|error| self.no_body(&error))?;
        let (limit, bounds, rules) = (self.limit, self.bounds, self.rules.clone());
        let prepare = move || {
            let body = body::unpacked(packing, read, limit).map_err(Unready::Body)?;
            Posted::prepare(&body, bounds, &rules).map_err(Unready::Lines)
        };
        let prepared = tokio::task::spawn_blocking(prepare).await;
        let mut posted = match prepared {
            Ok(Ok(posted)) => posted,
            Ok(Err(Unready::Body(error))) => return Err(self.no_body(&error)),
            Ok(Err(Unready::Lines(error))) => return Err(self.not_prepared(&error)),
            Err(error) => return Err(not_taken(&NotTaken::Later(error.to_string()))),
        };
        if posted.parts.is_empty() {
            metrics::posted("empty");
            return Ok(Taken::Now); // there is nothing that could be lost or repeated
        }
        let canaries = std::mem::take(&mut posted.canaries);
        let (answer, answered) = oneshot::channel();
        let ending = |_| not_taken(&NotTaken::Ending);
        let sent = self.waiting.send(Waiting { posted, answer, _room: room }).await;
        sent.map_err(|_| not_taken(&NotTaken::Ending))?;
        let taken = answered.await.map_err(ending)?.map_err(|error| not_taken(&error))?;
        self.canaries.were_read(&canaries);
        Ok(taken)
    }

    /// Memory for a body.
    async fn room(&self, bytes: usize) -> Result<OwnedSemaphorePermit, Refusal> {
        let wanted = u32::try_from(permits(bytes)).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.memory).acquire_many_owned(wanted);
        match tokio::time::timeout(PATIENCE, room).await {
            Ok(Ok(room)) => Ok(room),
            _ => Err(not_taken(&NotTaken::Later(
                "too many bodies are under way; post the same again".to_owned(),
            ))),
        }
    }

    fn no_body(&self, error: &NoBody) -> Refusal {
        let (status, counted) = match error {
            NoBody::TooLong(_) => (StatusCode::PAYLOAD_TOO_LARGE, "too large"),
            NoBody::Slow(_) => (StatusCode::REQUEST_TIMEOUT, "slow"),
            NoBody::Broken(_) => (StatusCode::BAD_REQUEST, "broken"),
            NoBody::Encoding(_) => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "encoding"),
            NoBody::NoGzip(_) => (StatusCode::BAD_REQUEST, "no list"),
        };
        let advice = match error {
            NoBody::TooLong(_) => format!("; {}", TOO_LONG_ADVICE),
            _ => String::new(),
        };
        Refusal { status, counted, text: format!("{error}{advice}") }
    }

    fn not_prepared(&self, error: &NotPrepared) -> Refusal {
        match error {
            NotPrepared::NoEventList(_) => {
                Refusal { status: StatusCode::BAD_REQUEST, counted: "no list", text: error.to_string() }
            }
            NotPrepared::Packing(_) => not_taken(&NotTaken::Later(error.to_string())),
        }
    }

    fn refuse(&self, refusal: Refusal) -> Response<Full<Bytes>> {
        let Refusal { status, counted, text } = refusal;
        metrics::posted(counted);
        match counted {
            "too large" => self.refused.too_long(),
            "no list" => self.refused.no_list(),
            _ => {}
        }
        self.refused.say(&format!("a request to the webhook is answered with {}: {text}", status.as_u16()));
        let mut response = response(status, text + "\n");
        let headers = response.headers_mut();
        match status {
            StatusCode::METHOD_NOT_ALLOWED => {
                headers.insert(ALLOW, HeaderValue::from_static("POST"));
            }
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
                headers.insert(RETRY_AFTER, AGAIN);
            }
            _ => {}
        }
        if self.stop.is_cancelled() || status == StatusCode::REQUEST_TIMEOUT {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

/// Why a body never came to its turn.
enum Unready {
    Body(NoBody),
    Lines(NotPrepared),
}

fn not_taken(why: &NotTaken) -> Refusal {
    let (status, counted) = match why {
        NotTaken::Later(_) => (StatusCode::TOO_MANY_REQUESTS, "later"),
        NotTaken::TooLarge(_) => (StatusCode::PAYLOAD_TOO_LARGE, "too large"),
        NotTaken::Ending => (StatusCode::SERVICE_UNAVAILABLE, "ending"),
        NotTaken::Paused(_) => (StatusCode::SERVICE_UNAVAILABLE, "paused"),
    };
    Refusal { status, counted, text: why.to_string() }
}

fn permits(bytes: usize) -> usize {
    bytes.div_ceil(PERMIT).max(1)
}

fn response(status: StatusCode, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn memory_is_waited_for_and_then_the_client_is_told_to_come_again() {
        let (waiting, _receiver) = mpsc::channel(1);
        let limit = 64 << 10;
        let desk = Desk {
            path: "/audit".into(),
            limit,
            slowest: Duration::from_secs(30),
            bounds: Bounds { chunk: 1024, line: 1024 },
            rules: Rules::default(),
            memory: Desk::memory(limit),
            waiting,
            refused: Arc::default(),
            orders: Arc::default(),
            canaries: Arc::default(),
            origin: Path::new("/audit").into(),
            stop: CancellationToken::new(),
        };
        let held: Vec<_> = vec![desk.room(limit).await, desk.room(limit).await, desk.room(2 * limit).await];
        assert!(held.iter().all(Result::is_ok));
        let begin = tokio::time::Instant::now();
        let refused = desk.room(1).await.err().unwrap();
        assert_eq!((refused.status, begin.elapsed()), (StatusCode::TOO_MANY_REQUESTS, PATIENCE));
        assert_eq!(desk.refuse(refused).headers()[RETRY_AFTER], AGAIN);
        drop(held);
        assert!(desk.room(4 * limit).await.is_ok());
    }
}
