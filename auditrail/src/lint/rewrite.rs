//! A file with a new text.
//!
//! Promise: whoever reads the file, and whoever looks after a crash, finds the old text or the new one, whole; its
//! rights stay, and a link to it stays a link.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

/// Replaces the text of a file.
///
/// # Errors
/// When the file cannot be written; it is then as it was.
pub(super) fn whole(file: &Path, text: &str) -> anyhow::Result<()> {
    let what = || format!("corrected policy {} cannot be written; the file is as it was", file.display());
    let real = fs::canonicalize(file).with_context(what)?;
    let beside = beside(&real).with_context(what)?;
    let done = write(&beside, &real, text).and_then(|()| Ok(fs::rename(&beside, &real)?));
    if done.is_err() {
        // The error that is told is the one that kept the text from being written.
        let _ = fs::remove_file(&beside);
    }
    done.with_context(what)
}

fn beside(file: &Path) -> anyhow::Result<PathBuf> {
    let Some(name) = file.file_name() else { bail!("it has no name") };
    let mut hidden = std::ffi::OsString::from(".");
    hidden.push(name);
    hidden.push(format!(".{}.new", std::process::id()));
    Ok(file.with_file_name(hidden))
}

fn write(beside: &Path, real: &Path, text: &str) -> anyhow::Result<()> {
    let rights = fs::metadata(real)?.permissions();
    if rights.readonly() {
        bail!("it is read-only");
    }
    let mut new: File = OpenOptions::new().write(true).create_new(true).open(beside)?;
    fs::set_permissions(beside, rights)?;
    new.write_all(text.as_bytes())?;
    new.sync_all()?;
    Ok(())
}
