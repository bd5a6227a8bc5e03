//! A running service between its first and its last breath.
//!
//! Promise: the service is asked to stop at the first signal and given its grace; when the grace is over, or at a
//! second signal, the process ends whatever the service does (even if it blocks its thread), and says what remains.

use std::future::Future;
use std::io;
use std::thread;
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::sync::oneshot;

use super::Service;
use super::exit::{self, DONE, FAILED, exit_code, words};
use crate::signal::Signals;
use crate::stop::Stop;
use crate::telemetry::{self, FLUSH_WITHIN, Telemetry};

/// How long tasks that ignore the end are waited for.
const STRAGGLERS: Duration = Duration::from_millis(500);

/// Builds the runtime, starts telemetry, runs `body` in it, and ends it in order; gives the exit code.
pub(super) fn process<F, Fut>(service: &Service, settings: &Telemetry, body: F) -> u8
where
    F: FnOnce(Stop) -> Fut,
    Fut: Future<Output = anyhow::Result<()>>,
{
    let failed = |what: String| {
        exit::say(service, &what);
        FAILED
    };
    let runtime = match Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(format!("the runtime does not start: {error}")),
    };
    let guard = {
        let _inside = runtime.enter();
        telemetry::init(service.name, service.version, settings)
    };
    let guard = match guard {
        Ok(guard) => guard,
        Err(error) => return exit::refused(service, &error),
    };
    let stop = Stop::new();
    let watcher = match Watcher::start(&stop, service.grace) {
        Ok(watcher) => watcher,
        Err(error) => return failed(format!("signals cannot be received: {error}")),
    };
    tracing::info!(service = service.name, version = service.version, "starting");
    let code = runtime.block_on(uncut(body(stop.clone()), watcher.is_cut, &stop));
    drop(guard);
    runtime.shutdown_timeout(STRAGGLERS);
    drop(watcher.needed);
    code
}

async fn uncut(
    body: impl Future<Output = anyhow::Result<()>>,
    is_cut: oneshot::Receiver<String>,
    stop: &Stop,
) -> u8 {
    let ended = tokio::select! {
        biased;
        ended = body => ended,
        Ok(why) = is_cut => Err(unfinished(&why, stop)),
    };
    match ended {
        Ok(()) => DONE,
        Err(error) => {
            tracing::error!("{}", words(&error));
            exit_code(&error)
        }
    }
}

/// The thread that hears signals; a thread of its own, so that a service that blocks all others is still ended.
struct Watcher {
    /// Says why the service is cut short.
    is_cut: oneshot::Receiver<String>,
    /// Dropped when there is nothing left to watch.
    needed: oneshot::Sender<()>,
}

impl Watcher {
    fn start(stop: &Stop, grace: Duration) -> io::Result<Self> {
        let (stop, (cut, is_cut), (needed, over)) =
            (stop.clone(), oneshot::channel(), oneshot::channel::<()>());
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let mut signals = {
            let _inside = runtime.enter();
            Signals::take()?
        };
        let watching = move || {
            let why = runtime.block_on(async {
                tokio::select! {
                    why = watch(&stop, grace, cut, async || signals.next().await) => Some(why),
                    _ = over => None,
                }
            });
            if let Some(why) = why {
                tracing::error!("{:#}", unfinished(&why, &stop));
                std::process::exit(i32::from(FAILED));
            }
        };
        thread::Builder::new().name("signals".to_owned()).spawn(watching)?;
        Ok(Self { is_cut, needed })
    }
}

/// Asks for the stop when `signal` comes, or notices that somebody else did; sends to `cut` when `grace` is over.
/// Returns only when the process has to end at once, with the reason.
async fn watch(
    stop: &Stop,
    grace: Duration,
    cut: oneshot::Sender<String>,
    mut signal: impl AsyncFnMut() -> &'static str,
) -> String {
    tokio::select! {
        name = signal() => tracing::info!(signal = name, ?grace, "stopping; a second signal ends the process at once"),
        () = stop.wait() => tracing::info!(?grace, "stopping"),
    }
    stop.leave();
    if !stop.requested() && !stop.linger().is_zero() {
        tokio::select! {
            name = signal() => return format!("{name} came while stopping"),
            () = tokio::time::sleep(stop.linger()) => {}
            () = stop.wait() => {}
        }
    }
    stop.request();
    tokio::select! {
        name = signal() => return format!("{name} came while stopping"),
        () = tokio::time::sleep(grace) => {}
    }
    let why = format!("the grace of {grace:?} is over");
    // Nobody listens any more when the service has ended and only telemetry is being flushed.
    let _ = cut.send(why.clone());
    tokio::select! {
        name = signal() => format!("{name} came while stopping"),
        () = tokio::time::sleep(FLUSH_WITHIN + STRAGGLERS * 2) => format!("{why} and the service does not let go"),
    }
}

fn unfinished(why: &str, stop: &Stop) -> anyhow::Error {
    let remains = stop.what_remains();
    if remains.is_empty() {
        return anyhow::anyhow!("{why}: ended before all was finished; it goes on at the next start");
    }
    anyhow::anyhow!("{why}: unfinished, and going on at the next start: {}", remains.join("; "))
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use tokio::time::{Instant, timeout};

    use super::*;

    const GRACE: Duration = Duration::from_secs(30);

    #[tokio::test(start_paused = true)]
    async fn the_first_signal_asks_and_nothing_is_cut_within_the_grace() {
        let (stop, (cut, mut is_cut)) = (Stop::new(), oneshot::channel());
        let mut watching = pin!(watch(&stop, GRACE, cut, after(&[1])));
        assert!(timeout(GRACE, &mut watching).await.is_err());
        assert!(stop.requested() && is_cut.try_recv().is_err());
        assert!(timeout(Duration::from_secs(2), &mut watching).await.is_err());
        assert_eq!(is_cut.try_recv().unwrap(), "the grace of 30s is over");
    }

    #[tokio::test(start_paused = true)]
    async fn others_can_see_for_a_while_that_it_will_end_before_it_is_asked_to() {
        let (stop, (cut, _is_cut)) = (Stop::new(), oneshot::channel());
        stop.linger_for(Duration::from_secs(5));
        let mut watching = pin!(watch(&stop, GRACE, cut, after(&[1])));
        assert!(timeout(Duration::from_secs(2), &mut watching).await.is_err());
        stop.left().await;
        assert!(!stop.requested());
        assert!(timeout(Duration::from_secs(5), &mut watching).await.is_err());
        assert!(stop.requested());
    }

    #[tokio::test(start_paused = true)]
    async fn a_second_signal_ends_at_once() {
        let begun = Instant::now();
        let (cut, _is_cut) = oneshot::channel();
        assert_eq!(watch(&Stop::new(), GRACE, cut, after(&[1, 1])).await, "SIGTERM came while stopping");
        assert_eq!(begun.elapsed(), Duration::from_secs(2));
    }

    #[tokio::test(start_paused = true)]
    async fn a_stop_asked_from_inside_has_the_same_grace() {
        let (stop, (cut, mut is_cut)) = (Stop::new(), oneshot::channel());
        stop.request();
        let mut watching = pin!(watch(&stop, GRACE, cut, after(&[])));
        assert!(timeout(GRACE - Duration::from_secs(1), &mut watching).await.is_err());
        assert!(is_cut.try_recv().is_err());
        assert!(timeout(Duration::from_secs(2), &mut watching).await.is_err());
        assert!(is_cut.try_recv().is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_service_that_does_not_let_go_is_left() {
        let (cut, _is_cut) = oneshot::channel();
        let why = watch(&Stop::new(), GRACE, cut, after(&[1])).await;
        assert_eq!(why, "the grace of 30s is over and the service does not let go");
    }

    #[test]
    fn what_remains_is_named() {
        let stop = Stop::new();
        assert!(unfinished("x", &stop).to_string().ends_with("it goes on at the next start"));
        stop.say_what_remains(|| Some("2 batches wait for a receipt".to_owned()));
        assert!(unfinished("x", &stop).to_string().ends_with(": 2 batches wait for a receipt"));
    }

    /// A signal after each of `pauses` (in seconds), then none.
    fn after(pauses: &'static [u64]) -> impl AsyncFnMut() -> &'static str {
        let mut pauses = pauses.iter();
        async move || match pauses.next() {
            None => std::future::pending().await,
            Some(pause) => {
                tokio::time::sleep(Duration::from_secs(*pause)).await;
                "SIGTERM"
            }
        }
    }
}
