//! Where a rotation can be held in its middle, so that something happens just then.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Passed at every step of a rotation.
#[derive(Debug, Default)]
pub struct Gate {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Who passes after so many others is held.
    holds_after: Option<u64>,
    held: Option<&'static str>,
}

impl Gate {
    /// Passes this point, when the gate is open.
    pub fn pass(&self, point: &'static str) {
        let mut state = self.lock();
        match state.holds_after {
            None => return,
            Some(0) => {}
            Some(after) => {
                state.holds_after = Some(after - 1);
                return;
            }
        }
        state.holds_after = None;
        state.held = Some(point);
        while state.held.is_some() {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Holds who passes after so many others.
    pub fn hold_after(&self, others: u64) {
        self.lock().holds_after = Some(others);
    }

    /// Waits until somebody is held; says where, or none when nobody came.
    pub async fn held(&self, patience: Duration) -> Option<&'static str> {
        let start = Instant::now();
        loop {
            let held = self.lock().held;
            if held.is_some() || start.elapsed() > patience {
                return held;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// Lets pass who is held, and everybody after.
    pub fn open(&self) {
        *self.lock() = State::default();
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
