//! An API server's log backend: writes whole lines and rotates as lumberjack does.
//!
//! What is copied from the real one (`k8s.io/apiserver`, lumberjack v2.2.1): a line is written at once; when
//! the next line would make the file larger than the limit, the file is closed and renamed to
//! `<base>-<time><ext>`, then a new one is created under the old name, with the mode of the old one.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Writes an audit log.
pub struct ApiServer {
    path: PathBuf,
    file: File,
    size: u64,
    limit: u64,
    rotations: u32,
}

impl ApiServer {
    /// Begins to write `audit.log` in a directory, without a limit of its size.
    pub fn in_directory(directory: &Path) -> Self {
        let path = directory.join("audit.log");
        let file = OpenOptions::new().create(true).append(true).open(&path).unwrap();
        let size = file.metadata().unwrap().len();
        ApiServer { path, file, size, limit: u64::MAX, rotations: 0 }
    }

    /// Rotates before a line that would make the file larger than this, in bytes.
    #[must_use]
    pub fn rotating_at(mut self, limit: u64) -> Self {
        self.limit = limit;
        self
    }

    /// The path of the active file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes one line, its newline included, in a single write.
    pub fn write(&mut self, line: &[u8]) {
        let whole = [line, b"\n"].concat();
        if self.size > 0 && self.size + whole.len() as u64 > self.limit {
            self.rotate();
        }
        self.write_raw(&whole);
    }

    /// Writes bytes as they are: a half line, garbage.
    pub fn write_raw(&mut self, bytes: &[u8]) {
        self.file.write_all(bytes).unwrap();
        self.size += bytes.len() as u64;
    }

    /// Writes many lines.
    pub fn write_all<'a>(&mut self, lines: impl IntoIterator<Item = &'a [u8]>) {
        lines.into_iter().for_each(|line| self.write(line));
    }

    /// Renames the file and creates a new one, as a rotation does. Returns the backup's path.
    pub fn rotate(&mut self) -> PathBuf {
        self.rotations += 1;
        let name = format!(
            "audit-2026-11-23T06-{:02}-{:02}.{:03}.log",
            self.rotations / 60,
            self.rotations % 60,
            123
        );
        let backup = self.path.with_file_name(name);
        std::fs::rename(&self.path, &backup).unwrap();
        self.file = OpenOptions::new().create(true).append(true).open(&self.path).unwrap();
        self.size = 0;
        backup
    }

    /// Compresses a backup as lumberjack does: `<name>.gz` is written, then the plain file is removed.
    pub fn compress(backup: &Path) -> PathBuf {
        let target = backup.with_extension("log.gz");
        let mut gz =
            flate2::write::GzEncoder::new(File::create(&target).unwrap(), flate2::Compression::default());
        gz.write_all(&std::fs::read(backup).unwrap()).unwrap();
        gz.finish().unwrap().sync_all().unwrap();
        std::fs::remove_file(backup).unwrap();
        target
    }
}
