//! What readers see.
use crate::{Entry, ReadError, Usage};
use bytes::Bytes;
pub(crate) struct Store {
    dir: std::path::PathBuf,
    id: [u8; 16],
}
impl Store {
    pub(crate) fn dir(&self) -> &std::path::Path {
        &self.dir
    }
    pub(crate) fn id(&self) -> [u8; 16] {
        self.id
    }
    pub(crate) fn entries(&self, _: u64, _: usize) -> Result<Vec<Entry>, ReadError> {
        Ok(Vec::new())
    }
    pub(crate) fn read(&self, position: u64) -> Result<Bytes, ReadError> {
        Err(ReadError::Gone { position })
    }
    pub(crate) fn get(&self, _: &[u8]) -> Result<Option<Vec<u8>>, ReadError> {
        Ok(None)
    }
    pub(crate) fn scan(&self, _: &[u8]) -> Result<Vec<(Vec<u8>, Vec<u8>)>, ReadError> {
        Ok(Vec::new())
    }
    pub(crate) fn usage(&self) -> Usage {
        Usage::default()
    }
}
