//! The bundle for support: what somebody elsewhere needs to understand this installation.
//!
//! Promises: no secret of the configuration or the environment is in it, whoever said it; no audit event is; what could
//! not be had says why in its place. Everything in it is bounded.

mod archive;
mod parts;
mod secrets;

use std::fs::File;
use std::io::Write;
use std::path::Path;

use anyhow::{Context, bail};

use super::Subject;
use super::finding::Finding;

/// How the bundle is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Gzip,
    Zstd,
}

impl Form {
    /// As the name of the file says.
    ///
    /// # Errors
    /// When the name says nothing, or the file is there.
    pub(super) fn of(path: &Path) -> anyhow::Result<Form> {
        if path.symlink_metadata().is_ok() {
            bail!("--bundle: {} is there already; name another file", path.display());
        }
        let name = path.to_string_lossy();
        match (name.ends_with(".tar.gz"), name.ends_with(".tar.zst")) {
            (true, _) => Ok(Form::Gzip),
            (_, true) => Ok(Form::Zstd),
            _ => bail!("--bundle: {} ends in neither `.tar.gz` nor `.tar.zst`; name it so", path.display()),
        }
    }
}

/// Writes the bundle.
///
/// # Errors
/// When the file cannot be written.
pub(super) fn write(
    path: &Path,
    form: Form,
    subject: &Subject<'_>,
    findings: &[Finding],
) -> anyhow::Result<()> {
    let secrets = secrets::Secrets::of(subject);
    let parts: Vec<(String, String)> =
        parts::all(subject, findings).into_iter().map(|(name, text)| (name, secrets.cut(text))).collect();
    let packed = packed(&archive::tar(&parts), form).context("the bundle cannot be packed")?;
    let cannot = || format!("--bundle: {} cannot be written", path.display());
    let mut file = File::create_new(path).with_context(cannot)?;
    file.write_all(&packed).and_then(|()| file.sync_all()).with_context(cannot)
}

fn packed(archive: &[u8], form: Form) -> std::io::Result<Vec<u8>> {
    match form {
        Form::Zstd => zstd::encode_all(archive, 3),
        Form::Gzip => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
            encoder.write_all(archive)?;
            encoder.finish()
        }
    }
}
