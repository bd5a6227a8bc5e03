//! How a question ends that must: at its time, and on Ctrl-C.
//!
//! Promise: it ends within about a second, whatever it is in the midst of. SQLite looks at its time only between two
//! steps of its machine, and one step may be a function over a long text: where the question does not come to its end
//! itself, the program is ended with the words and the exit code that it would have had.

use std::io;
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use anyhow::Context;
use insight::sql::Stop;

use crate::exit::Failure;

/// How long a question may take to come to its end.
const GRACE: Duration = Duration::from_secs(1);
/// How often it is looked at whether it must.
const LOOK: Duration = Duration::from_millis(100);
/// The exit code of whoever pressed Ctrl-C twice.
const INTERRUPTED: i32 = 130;

/// Sees to it that a question ends when it must.
#[derive(Debug)]
pub(super) struct Watch {
    /// Whether the question, or the watch, has ended: whoever says so first has the last word.
    ended: Arc<AtomicBool>,
    asking: Sender<()>,
}

impl Watch {
    /// Watches from now on.
    pub(super) fn over(stop: &Arc<Stop>) -> Watch {
        let (asking, asked) = channel();
        let ended = Arc::new(AtomicBool::new(false));
        let (stop, its_end) = (stop.clone(), ended.clone());
        thread::spawn(move || {
            if is_stuck(&stop, &asked) && !its_end.swap(true, Ordering::AcqRel) {
                Failure::from(stop.why()).tell();
                process::exit(1);
            }
        });
        Watch { ended, asking }
    }

    /// The question has come to its end itself.
    pub(super) fn end(self) {
        while self.ended.swap(true, Ordering::AcqRel) {
            // The program is being ended.
            thread::park();
        }
        drop(self.asking);
    }
}

/// Waits until the question has ended, or has not although it was to.
fn is_stuck(stop: &Stop, asked: &Receiver<()>) -> bool {
    let goes_on = |time| asked.recv_timeout(time) == Err(RecvTimeoutError::Timeout);
    while !stop.is_due() {
        if !goes_on(LOOK) {
            return false;
        }
    }
    goes_on(GRACE)
}

/// Ctrl-C ends the question; once more ends the program.
pub(super) fn on_interrupt(stop: &Arc<Stop>) -> anyhow::Result<()> {
    const DEAF: &str = "the signal of Ctrl-C cannot be listened to";
    let stop = stop.clone();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context(DEAF)?;
    let entered = runtime.enter();
    let mut interrupts = interrupts().context(DEAF)?;
    drop(entered);
    thread::spawn(move || {
        runtime.block_on(async {
            while interrupts.recv().await.is_some() {
                if stop.is_cancelled() {
                    process::exit(INTERRUPTED);
                }
                stop.cancel();
            }
        });
    });
    Ok(())
}

#[cfg(unix)]
fn interrupts() -> io::Result<tokio::signal::unix::Signal> {
    tokio::signal::unix::signal(tokio::signal::unix::SignalKind::interrupt())
}

#[cfg(windows)]
fn interrupts() -> io::Result<tokio::signal::windows::CtrlC> {
    tokio::signal::windows::ctrl_c()
}
