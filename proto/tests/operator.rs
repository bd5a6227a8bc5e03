//! The calls that every process answers: watched, drained, told what to log.

#![allow(clippy::unwrap_used)]

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use proto::v1::admin_client::AdminClient;
use proto::v1::{
    DrainRequest, ReloadReply, ReloadRequest, ServiceStatus, SetLogLevelRequest, StatusReply,
    WatchStatusRequest,
};
use proto::{Batch, Drain, Gate, Refusal, Server, connect, connect_admin, is_serving, stage};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tower::ServiceExt;

/// Holds so many events, one less at each look.
#[derive(Default)]
struct Holds {
    gate: Gate,
    events: AtomicU64,
}

impl Drain for Holds {
    fn close(&self, closed: bool) {
        self.gate.close(closed);
    }

    fn left(&self) -> (u64, Vec<String>) {
        let left = self.events.load(Ordering::SeqCst);
        self.events.store(left.saturating_sub(1), Ordering::SeqCst);
        (left, (left > 0).then(|| format!("{left} events are in the spools")).into_iter().collect())
    }
}

/// Levels that were asked for, and for how long.
type Said = Vec<(String, Option<Duration>)>;

struct Served {
    address: String,
    holds: Arc<Holds>,
    said: Arc<Mutex<Said>>,
    leave: Option<oneshot::Sender<()>>,
    stop: Option<oneshot::Sender<()>>,
    ended: JoinHandle<()>,
}

async fn served() -> Served {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (holds, said) = (Arc::new(Holds::default()), Arc::<Mutex<Vec<_>>>::default());
    let ((leave, left), (stop, stopped)) = (oneshot::channel(), oneshot::channel::<()>());
    let status = || StatusReply { services: vec![ServiceStatus::default()] };
    let levels = Arc::clone(&said);
    let server = Server::new(Arc::new(status))
        .stage(holds.gate.before(stage(|batch: Batch| std::future::ready(Ok(batch.receipt())))))
        .drain(holds.clone())
        .reload(Some(
            Arc::new(|| ReloadReply::from(Ok(vec!["collector.id".to_owned()]))) as proto::ReloadSource
        ))
        .log_level(Arc::new(move |level, time| {
            if level == "loud" {
                return Err("`loud` is not one of them".to_owned());
            }
            levels.lock().unwrap().push((level.to_owned(), time));
            Ok("info".to_owned())
        }))
        .leaving(async { drop::<Result<(), _>>(left.await) });
    let ended = tokio::spawn(async move {
        server.run(listener, async { drop(stopped.await) }).await.unwrap();
    });
    Served { address, holds, said, leave: Some(leave), stop: Some(stop), ended }
}

fn batch() -> Batch {
    let batch =
        Batch { origin: Some(Default::default()), queue: vec![1; 16], first: 1, last: 1, ..Batch::default() };
    batch.with_lines([(1, 3, &b"{}"[..])], proto::Encoding::None).unwrap()
}

async fn admin(served: &Served) -> AdminClient<tonic::transport::Channel> {
    connect_admin(&served.address).unwrap()
}

#[tokio::test]
async fn a_watch_tells_the_status_as_often_as_was_asked_and_ends_with_the_process() {
    let mut served = served().await;
    let few = WatchStatusRequest { seconds: 1, limit: 1 };
    let mut told = admin(&served).await.watch_status(few).await.unwrap().into_inner();
    assert_eq!(told.message().await.unwrap().unwrap().services.len(), 1);
    assert!(told.message().await.unwrap().is_none());

    let mut told =
        admin(&served).await.watch_status(WatchStatusRequest::default()).await.unwrap().into_inner();
    assert!(told.message().await.unwrap().is_some());
    served.stop.take().unwrap().send(()).unwrap();
    served.ended.await.unwrap();
    assert!(told.message().await.is_ok_and(|more| more.is_none()));
}

#[tokio::test]
async fn more_than_so_many_do_not_watch_at_once() {
    let served = served().await;
    let mut open = Vec::new();
    for _ in 0..32 {
        let mut told =
            admin(&served).await.watch_status(WatchStatusRequest::default()).await.unwrap().into_inner();
        told.message().await.unwrap().unwrap();
        open.push(told);
    }
    let refused = admin(&served).await.watch_status(WatchStatusRequest::default()).await.unwrap_err();
    assert!(refused.message().contains("watch already"), "{refused:?}");
}

#[tokio::test]
async fn a_drained_process_takes_nothing_more_waits_for_what_it_holds_and_goes_on_when_it_is_asked_to() {
    let served = served().await;
    served.holds.events.store(3, Ordering::SeqCst);
    let reply = admin(&served).await.drain(DrainRequest::default()).await.unwrap().into_inner();
    assert!(reply.drained && reply.left.is_empty(), "{reply:?}");
    let refused = connect(&served.address).unwrap().oneshot(batch()).await.unwrap_err();
    assert!(matches!(&refused, Refusal::Unavailable { why } if why.contains("drains")), "{refused}");
    assert!(!is_serving(&served.address).await.unwrap());

    let resumed = DrainRequest { resume: true, ..DrainRequest::default() };
    admin(&served).await.drain(resumed).await.unwrap();
    connect(&served.address).unwrap().oneshot(batch()).await.unwrap();
    assert!(is_serving(&served.address).await.unwrap());

    served.holds.events.store(u64::MAX, Ordering::SeqCst);
    let short = DrainRequest { seconds: 1, resume: false };
    let reply = admin(&served).await.drain(short).await.unwrap().into_inner();
    assert!(!reply.drained && reply.events > 0 && reply.left[0].contains("spools"), "{reply:?}");
}

#[tokio::test]
async fn a_process_that_will_end_says_so_while_it_still_takes_batches() {
    let mut served = served().await;
    assert!(is_serving(&served.address).await.unwrap());
    served.leave.take().unwrap().send(()).unwrap();
    while is_serving(&served.address).await.unwrap() {
        tokio::task::yield_now().await;
    }
    connect(&served.address).unwrap().oneshot(batch()).await.unwrap();
}

#[tokio::test]
async fn what_is_logged_is_changed_for_the_time_that_was_asked_and_what_is_no_level_is_refused() {
    let served = served().await;
    let asked = |level: &str, seconds| SetLogLevelRequest { level: level.to_owned(), seconds };
    let reply = admin(&served).await.set_log_level(asked("debug", 60)).await.unwrap().into_inner();
    assert_eq!((reply.level.as_str(), reply.before.as_str()), ("debug", "info"));
    admin(&served).await.set_log_level(asked("warn", 0)).await.unwrap();
    let refused = admin(&served).await.set_log_level(asked("loud", 0)).await.unwrap_err();
    assert!(refused.message().contains("`loud`"), "{refused:?}");
    let minute = Some(Duration::from_secs(60));
    assert_eq!(*served.said.lock().unwrap(), [("debug".to_owned(), minute), ("warn".to_owned(), None)]);
}

#[tokio::test]
async fn a_configuration_that_waits_for_a_start_is_said_key_by_key() {
    let served = served().await;
    let reply = admin(&served).await.reload(ReloadRequest {}).await.unwrap().into_inner();
    assert_eq!((reply.problem.as_str(), reply.waiting), ("", vec!["collector.id".to_owned()]));
}
