//! The data directory of `up`: what lies where.
//!
//! Promise: everything that `up` keeps is below one directory, unless the configuration names another place.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

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
    /// When the working directory is gone, or its path is no text.
    pub(crate) fn lake(&self) -> anyhow::Result<String> {
        let path =
            std::path::absolute(self.0.join("lake")).context("the working directory cannot be found")?;
        let Some(text) = path.to_str() else {
            bail!("{} is no UTF-8 text: name another directory with --data", path.display());
        };
        // The first three have a meaning in a URL; `\\` parts directories on Windows, and is a letter elsewhere.
        let text = text.replace('%', "%25").replace('?', "%3F").replace('#', "%23");
        let slashes = if cfg!(windows) { text.replace('\\', "/") } else { text };
        Ok(format!("file://{}{slashes}", if slashes.starts_with('/') { "" } else { "/" }))
    }

    /// What insight knows of whole hours of the lake.
    pub(crate) fn states(&self) -> PathBuf {
        self.0.join("insight")
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

    #[test]
    fn a_directory_with_any_name_has_its_lake_in_it() {
        let directory = tempfile::tempdir().unwrap();
        let data = directory.path().join("a b%20c#d");
        assert!(Data::in_directory(&data).lake().unwrap().ends_with("/a b%2520c%23d/lake"));
    }
}
