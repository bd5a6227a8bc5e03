//! The data directory of `up`: what lies where.
//!
//! Promise: everything that `up` keeps is below one directory, unless the configuration names another place.

use std::path::{Path, PathBuf};

/// The data directory when none is given.
pub(crate) const DEFAULT: &str = "./auditrail-data";

/// The places below a data directory.
#[derive(Clone, Debug)]
pub(crate) struct Data(PathBuf);

impl Data {
    /// The places below `directory`.
    pub(crate) fn in_directory(directory: &Path) -> Self {
        Data(directory.to_path_buf())
    }

    /// The collector's queue.
    pub(crate) fn queue(&self) -> PathBuf {
        self.0.join("collector")
    }

    /// The shipper's spools.
    pub(crate) fn spool(&self) -> PathBuf {
        self.0.join("shipper")
    }

    /// The lake, as an absolute `file://` URL.
    ///
    /// # Errors
    /// When the working directory is gone.
    pub(crate) fn lake(&self) -> std::io::Result<String> {
        let path = std::path::absolute(self.0.join("lake"))?;
        let slashes = path.to_string_lossy().replace('\\', "/");
        Ok(format!("file://{}{slashes}", if slashes.starts_with('/') { "" } else { "/" }))
    }

    /// The file that names the admin address of the running `up`.
    pub(crate) fn address(&self) -> PathBuf {
        self.0.join("admin-address")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lake_is_an_absolute_url() {
        let url = Data::in_directory(Path::new("./here")).lake().unwrap();
        assert!(url.starts_with("file:///") && url.ends_with("here/lake"), "{url}");
    }
}
