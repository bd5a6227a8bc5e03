//! Where the files are: a directory, or a bucket of S3, Google Cloud Storage or Azure.
//!
//! Promises: [`Storage::put`] returns when the file, its name and the directories above it are on stable
//! storage (on Windows, where directories cannot be synced, the file is), or when the bucket's service
//! has taken it; a file appears whole or not at all; what is not finished in a directory lies in
//! `_staging`, which every engine takes for hidden.

mod bucket;
mod driver;
mod local;

use crate::url::Place;
use crate::{LakeError, Location};
use bytes::Bytes;
use driver::Driver;
use futures_util::TryStreamExt;
use local::Directory;
use object_store::path::Path;
use object_store::{Error, ObjectMeta, ObjectStore, ObjectStoreExt, PutMode};
use std::ops::Range;
use std::sync::Arc;

/// An opened store; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Storage {
    url: Arc<str>,
    /// None for a bucket.
    directory: Option<Arc<Directory>>,
    store: Arc<dyn ObjectStore>,
    driver: Arc<Driver>,
}

impl Storage {
    pub(crate) fn open(location: &Location) -> Result<Storage, LakeError> {
        let url = location.url.as_str();
        let failed = |action: &str, why: String| storage_error(url, action, why, false);
        let (directory, store): (_, Arc<dyn ObjectStore>) = match crate::url::place(url)? {
            Place::Directory(path) => {
                let opened = Directory::open(&path);
                let opened = opened.map_err(|error| failed("open the directory", error.to_string()))?;
                let store = opened.store();
                (Some(Arc::new(opened)), store)
            }
            Place::Bucket(bucket) => {
                let opened = bucket::open(location, &bucket);
                (None, opened.map_err(|why| failed("open the bucket", why))?)
            }
        };
        let driver = Driver::start().map_err(|error| failed("start its threads", error.to_string()))?;
        Ok(Storage { url: url.into(), directory, store, driver: driver.into() })
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Makes `body` durable as the file `path`, in one step for every reader; replaces what was there.
    pub(crate) fn put(&self, path: &str, body: Vec<u8>) -> Result<(), LakeError> {
        let (directory, store) = (self.directory.clone(), self.store.clone());
        let location = Path::from(path);
        self.driver
            .wait(async move {
                match directory {
                    Some(directory) => directory.put(&location, body.into()).await,
                    None => store.put(&location, body.into()).await.map(drop),
                }
            })
            .map_err(|error| self.failed(&format!("write {path}"), &error))
    }

    /// Every file, wherever it lies. A lake that went away is an error, not an empty lake.
    pub(crate) fn list(&self) -> Result<Vec<ObjectMeta>, LakeError> {
        if let Some(directory) = &self.directory {
            directory.look().map_err(|error| self.failed("list its files", &error))?;
        }
        let store = self.store.clone();
        self.driver
            .wait(async move { store.list(None).try_collect().await })
            .map_err(|error| self.failed("list its files", &error))
    }

    /// Every file below a folder; none when there is no such folder.
    pub(crate) fn list_in(&self, folder: &str) -> Result<Vec<ObjectMeta>, LakeError> {
        let (store, prefix) = (self.store.clone(), Path::from(folder));
        self.driver
            .wait(async move { store.list(Some(&prefix)).try_collect().await })
            .map_err(|error| self.failed(&format!("list {folder}"), &error))
    }

    /// Removes a file; one that is not there is as good as removed.
    pub(crate) fn delete(&self, path: &str) -> Result<(), LakeError> {
        let (store, location) = (self.store.clone(), Path::from(path));
        match self.driver.wait(async move { store.delete(&location).await }) {
            Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.failed(&format!("remove {path}"), &error)),
        }
    }

    /// Makes a small file unless it is there; whether it was made. In one step for all who try.
    pub(crate) fn create(&self, path: &str, body: Vec<u8>) -> Result<bool, LakeError> {
        let (store, location) = (self.store.clone(), Path::from(path));
        let create = async move { store.put_opts(&location, body.into(), PutMode::Create.into()).await };
        match self.driver.wait(create) {
            Ok(_) => Ok(true),
            Err(Error::AlreadyExists { .. }) => Ok(false),
            Err(error) => Err(self.failed(&format!("create {path}"), &error)),
        }
    }

    /// When a file was written, in microseconds since 1970 (UTC); None when it is not there.
    pub(crate) fn modified_us(&self, path: &str) -> Result<Option<i64>, LakeError> {
        let (store, location) = (self.store.clone(), Path::from(path));
        match self.driver.wait(async move { store.head(&location).await }) {
            Ok(about) => Ok(Some(about.last_modified.timestamp_micros())),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.failed(&format!("look at {path}"), &error)),
        }
    }

    /// Removes a folder that is empty, where folders are things of their own.
    pub(crate) fn tidy(&self, folder: &str) {
        if let Some(directory) = &self.directory {
            directory.tidy(folder);
        }
    }

    /// The bytes of a range of a file; the range must lie within the file.
    pub(crate) fn range(&self, path: &str, range: Range<u64>) -> Result<Bytes, LakeError> {
        let store = self.store.clone();
        let location = Path::from(path);
        self.driver
            .wait(async move { store.get_range(&location, range).await })
            .map_err(|error| self.failed(&format!("read {path}"), &error))
    }

    /// The bytes of several ranges of a file, in one go where the store can.
    pub(crate) fn ranges(&self, path: &str, ranges: Vec<Range<u64>>) -> Result<Vec<Bytes>, LakeError> {
        let store = self.store.clone();
        let location = Path::from(path);
        self.driver
            .wait(async move { store.get_ranges(&location, &ranges).await })
            .map_err(|error| self.failed(&format!("read {path}"), &error))
    }

    fn failed(&self, action: &str, error: &Error) -> LakeError {
        let missing = matches!(error, Error::NotFound { .. });
        storage_error(&self.url, action, error.to_string(), missing)
    }
}

fn storage_error(url: &str, action: &str, why: String, missing: bool) -> LakeError {
    LakeError::Storage { url: url.into(), action: action.into(), why, missing }
}
