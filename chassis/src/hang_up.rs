//! The signal that asks a process to read its configuration again (SIGHUP, where there is one).
//!
//! Promise: a process on a terminal still ends when the terminal is closed, since that is what the signal means there;
//! only one without a terminal takes it as the wish to reload.

/// The stream of such signals.
#[derive(Debug)]
pub struct HangUps(system::HangUps);

/// Calls `act` at each hang-up until `stop` is requested.
pub async fn on_hang_up(stop: &crate::Stop, act: impl Fn()) {
    let mut hang_ups = HangUps::take();
    loop {
        tokio::select! {
            () = hang_ups.next() => act(),
            () = stop.wait() => return,
        }
    }
}

impl HangUps {
    /// Takes the signal over from the system's default, which would end the process. Must be called on a runtime.
    #[must_use]
    pub fn take() -> Self {
        Self(system::HangUps::take())
    }

    /// Waits for the next one; for ever where there is none.
    pub async fn next(&mut self) {
        self.0.next().await;
    }
}

#[cfg(unix)]
mod system {
    use std::io::IsTerminal;

    use tokio::signal::unix::{Signal, SignalKind, signal};

    #[derive(Debug)]
    pub(super) struct HangUps(Option<Signal>);

    impl HangUps {
        pub(super) fn take() -> Self {
            if std::io::stderr().is_terminal() {
                return Self(None);
            }
            let signals = signal(SignalKind::hangup());
            Self(signals.inspect_err(|error| tracing::warn!(%error, "SIGHUP will not reload")).ok())
        }

        pub(super) async fn next(&mut self) {
            if let Some(signals) = &mut self.0
                && signals.recv().await.is_some()
            {
                return;
            }
            std::future::pending().await
        }
    }
}

#[cfg(not(unix))]
mod system {
    #[derive(Debug)]
    pub(super) struct HangUps;

    impl HangUps {
        pub(super) fn take() -> Self {
            Self
        }

        pub(super) async fn next(&mut self) {
            std::future::pending().await
        }
    }
}
