//! Runs the store's asynchronous calls for a caller that blocks.
//!
//! Invariant: waiting works on every thread, also on one that belongs to an async runtime, because the
//! calls run on threads of their own: one worker, and at most [`BLOCKING_THREADS`] for disk work.

use object_store::{Error, Result};
use std::future::Future;
use std::sync::mpsc;
use tokio::runtime::{Builder, Runtime};

/// How many disk operations one lake has under way at most.
const BLOCKING_THREADS: usize = 4;

#[derive(Debug)]
pub(super) struct Driver {
    /// Taken only when dropped.
    runtime: Option<Runtime>,
}

impl Driver {
    pub(super) fn start() -> std::io::Result<Driver> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .max_blocking_threads(BLOCKING_THREADS)
            .thread_name("lake")
            .enable_all()
            .build()?;
        Ok(Driver { runtime: Some(runtime) })
    }

    /// Runs the call to its end.
    pub(super) fn wait<T: Send + 'static>(
        &self,
        call: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        let runtime = self.runtime.as_ref().expect("the runtime is taken only when dropped");
        let (answer, answered) = mpsc::sync_channel(1);
        runtime.spawn(async move { answer.send(call.await) });
        answered.recv().unwrap_or_else(|_| {
            Err(Error::Generic { store: "lake", source: "the call ended without an answer".into() })
        })
    }
}

/// A runtime must not wait for its threads when it is dropped on a thread of another runtime.
impl Drop for Driver {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn waiting_and_dropping_work_on_a_thread_of_another_runtime() {
        let driver = Driver::start().unwrap();
        assert_eq!(driver.wait(async { Ok(tokio::task::spawn_blocking(|| 7).await?) }).unwrap(), 7);
        drop(driver);
    }

    #[test]
    fn a_call_that_panics_is_an_error() {
        let driver = Driver::start().unwrap();
        let error = driver.wait::<()>(async { panic!("on purpose") }).unwrap_err();
        assert!(error.to_string().contains("without an answer"), "{error}");
    }
}
