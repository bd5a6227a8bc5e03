//! A running service between its first and its last breath.
//!
//! Promise: the service is asked to stop at the first signal and given its grace; when the grace is over, or at a
//! second signal, the process ends whatever the service does, and says what remains.

use std::future::Future;
use std::process::ExitCode;
use std::time::Duration;

use super::Service;
use super::exit::{self, FAILED, exit_code};
use crate::signal::Signals;
use crate::stop::Stop;
use crate::telemetry::{self, Telemetry};

/// How long tasks that ignore the end are waited for.
const STRAGGLERS: Duration = Duration::from_millis(500);

/// Builds the runtime, starts telemetry, runs `body` in it, and ends it in order.
pub(super) fn process<F, Fut>(service: &Service, settings: &Telemetry, body: F) -> ExitCode
where
    F: FnOnce(Stop) -> Fut,
    Fut: Future<Output = anyhow::Result<()>>,
{
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            exit::say(service, &format!("the runtime does not start: {error}"));
            return ExitCode::from(FAILED);
        }
    };
    let guard = {
        let _inside = runtime.enter();
        telemetry::init(service.name, service.version, settings)
    };
    let guard = match guard {
        Ok(guard) => guard,
        Err(error) => return exit::refused(service, &error),
    };
    let code = runtime.block_on(supervised(service, body));
    drop(guard);
    runtime.shutdown_timeout(STRAGGLERS);
    ExitCode::from(code)
}

async fn supervised<F, Fut>(service: &Service, body: F) -> u8
where
    F: FnOnce(Stop) -> Fut,
    Fut: Future<Output = anyhow::Result<()>>,
{
    let mut signals = match Signals::take() {
        Ok(signals) => signals,
        Err(error) => {
            tracing::error!(%error, "signals cannot be received");
            return FAILED;
        }
    };
    tracing::info!(service = service.name, version = service.version, "starting");
    let stop = Stop::new();
    match until_done(body(stop.clone()), &stop, service.grace, async || signals.next().await).await {
        Ok(()) => 0,
        Err(error) => {
            tracing::error!("{error:#}");
            exit_code(&error)
        }
    }
}

/// Waits for `body`, asks it to stop when `signal` says so, and gives it `grace` from then on, also when it was
/// asked by somebody else.
async fn until_done(
    body: impl Future<Output = anyhow::Result<()>>,
    stop: &Stop,
    grace: Duration,
    mut signal: impl AsyncFnMut() -> &'static str,
) -> anyhow::Result<()> {
    let mut body = std::pin::pin!(body);
    tokio::select! {
        biased;
        ended = &mut body => return ended,
        name = signal() => tracing::info!(signal = name, ?grace, "stopping; a second signal ends the process at once"),
        () = stop.wait() => tracing::info!(?grace, "stopping"),
    }
    stop.request();
    let cut_short = tokio::select! {
        biased;
        ended = &mut body => return ended,
        name = signal() => format!("{name} came a second time"),
        () = tokio::time::sleep(grace) => format!("the grace of {grace:?} is over"),
    };
    Err(unfinished(&cut_short, stop))
}

fn unfinished(why: &str, stop: &Stop) -> anyhow::Error {
    let remains = stop.what_remains();
    if remains.is_empty() {
        return anyhow::anyhow!("{why}: ended before everything was finished; it goes on at the next start");
    }
    anyhow::anyhow!("{why}: unfinished, and going on at the next start: {}", remains.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRACE: Duration = Duration::from_secs(30);

    #[tokio::test(start_paused = true)]
    async fn a_signal_asks_and_the_service_ends_in_peace() {
        let stop = Stop::new();
        let asked = stop.clone();
        let body = async move {
            asked.wait().await;
            Ok(())
        };
        assert!(until_done(body, &stop, GRACE, after(1)).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn when_the_grace_is_over_what_remains_is_named() {
        let stop = Stop::new();
        stop.say_what_remains(|| Some("2 batches wait for a receipt".to_owned()));
        let error = until_done(std::future::pending(), &stop, GRACE, after(1)).await.unwrap_err().to_string();
        assert!(error.starts_with("the grace of 30s is over"), "{error}");
        assert!(error.ends_with("2 batches wait for a receipt"), "{error}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_second_signal_ends_at_once() {
        let begun = tokio::time::Instant::now();
        let signals = async || {
            tokio::time::sleep(Duration::from_secs(1)).await;
            "SIGTERM"
        };
        let error = until_done(std::future::pending(), &Stop::new(), GRACE, signals).await.unwrap_err();
        assert!(error.to_string().starts_with("SIGTERM came a second time"), "{error}");
        assert_eq!(begun.elapsed(), Duration::from_secs(2));
    }

    #[tokio::test(start_paused = true)]
    async fn a_stop_asked_from_inside_has_the_same_grace() {
        let stop = Stop::new();
        stop.request();
        let error = until_done(std::future::pending(), &stop, GRACE, after(0)).await.unwrap_err().to_string();
        assert!(error.contains("goes on at the next start"), "{error}");
    }

    /// One signal after `seconds` (none for 0), then none.
    fn after(seconds: u64) -> impl AsyncFnMut() -> &'static str {
        let mut left = (seconds > 0).then_some(seconds);
        async move || match left.take() {
            None => std::future::pending().await,
            Some(seconds) => {
                tokio::time::sleep(Duration::from_secs(seconds)).await;
                "SIGTERM"
            }
        }
    }
}
