//! Opening.
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::sync::watch;

use crate::error::{Failed, OpenError};
use crate::handover::Handover;
use crate::options::Options;
use crate::store::Store;
use crate::usage::Opened;

pub(crate) struct Parts {
    pub(crate) store: Arc<Store>,
    pub(crate) handover: Arc<Handover>,
    pub(crate) committed: watch::Receiver<u64>,
    pub(crate) writer: JoinHandle<Result<(), Failed>>,
}

pub(crate) fn open(dir: &Path, _: Options) -> Result<(Parts, Opened), OpenError> {
    Err(OpenError::InUse { dir: dir.to_owned() })
}
