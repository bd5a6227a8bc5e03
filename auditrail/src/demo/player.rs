//! Plays lines into a log as a live API server does: in bursts, with rotations.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use chassis::Stop;

/// Bytes after which the log is rotated.
const ROTATE_AT: usize = 700_000;

/// Lines in a burst, and the pause behind it: the demo is over in about four seconds.
const BURST: usize = 100;
const PAUSE: Duration = Duration::from_millis(80);

/// Writes one log.
pub(super) struct Player {
    path: PathBuf,
    file: File,
    size: usize,
    rotations: usize,
}

impl Player {
    pub(super) fn new(path: &Path) -> anyhow::Result<Player> {
        Ok(Player { path: path.to_path_buf(), file: create(path)?, size: 0, rotations: 0 })
    }

    /// Plays all lines, or fewer when asked to stop. Returns the number of rotations.
    pub(super) async fn play(mut self, lines: &[&[u8]], stop: &Stop) -> anyhow::Result<usize> {
        for burst in lines.chunks(BURST) {
            for line in burst {
                self.write(line).with_context(|| format!("`{}` cannot be written", self.path.display()))?;
            }
            if stop.requested() {
                break;
            }
            tokio::time::sleep(PAUSE).await;
        }
        Ok(self.rotations)
    }

    fn write(&mut self, line: &[u8]) -> anyhow::Result<()> {
        if self.size > 0 && self.size + line.len() >= ROTATE_AT {
            self.rotate()?;
        }
        self.file.write_all(&[line, b"\n"].concat())?;
        self.size += line.len() + 1;
        Ok(())
    }

    /// Renames the file to the form that the API server's rotation gives, and creates a new one.
    fn rotate(&mut self) -> anyhow::Result<()> {
        self.rotations += 1;
        let backup =
            self.path.with_file_name(format!("audit-2026-11-23T06-10-{:02}.000.log", self.rotations));
        std::fs::rename(&self.path, backup)?;
        self.file = create(&self.path)?;
        self.size = 0;
        Ok(())
    }
}

fn create(path: &Path) -> anyhow::Result<File> {
    File::options()
        .create(true)
        .append(true)
        .open(path)
        .with_context(|| format!("`{}` cannot be created", path.display()))
}
