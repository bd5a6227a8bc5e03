//! The signals that ask a process to end.
//!
//! Promise: the first one (ctrl-c; SIGTERM where there is one) is a wish, the second an order.

use std::io;

/// The stream of such signals.
pub(crate) struct Signals(system::Signals);

impl Signals {
    /// Takes the signals over from the system's default, which would end the process at once.
    pub(crate) fn take() -> io::Result<Self> {
        Ok(Self(system::Signals::take()?))
    }

    /// Waits for the next one and says its name.
    pub(crate) async fn next(&mut self) -> &'static str {
        self.0.next().await
    }
}

#[cfg(unix)]
mod system {
    use std::io;

    use tokio::signal::unix::{Signal, SignalKind, signal};

    pub(super) struct Signals {
        interrupt: Signal,
        terminate: Signal,
    }

    impl Signals {
        pub(super) fn take() -> io::Result<Self> {
            let (interrupt, terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
            Ok(Self { interrupt, terminate })
        }

        pub(super) async fn next(&mut self) -> &'static str {
            tokio::select! {
                _ = self.interrupt.recv() => "SIGINT",
                _ = self.terminate.recv() => "SIGTERM",
            }
        }
    }
}

#[cfg(windows)]
mod system {
    use std::io;

    use tokio::signal::windows::{CtrlBreak, CtrlC, CtrlShutdown, ctrl_break, ctrl_c, ctrl_shutdown};

    pub(super) struct Signals {
        interrupt: CtrlC,
        terminate: CtrlBreak,
        shutdown: CtrlShutdown,
    }

    impl Signals {
        pub(super) fn take() -> io::Result<Self> {
            Ok(Self { interrupt: ctrl_c()?, terminate: ctrl_break()?, shutdown: ctrl_shutdown()? })
        }

        pub(super) async fn next(&mut self) -> &'static str {
            tokio::select! {
                _ = self.interrupt.recv() => "ctrl-c",
                _ = self.terminate.recv() => "ctrl-break",
                _ = self.shutdown.recv() => "shutdown",
            }
        }
    }
}
