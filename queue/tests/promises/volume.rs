//! A small ext4 file system of its own, on a loop device, that can lose its power or run full.
//!
//! It is unmounted and detached when it is dropped, also by a test that fails.

use std::path::{Path, PathBuf};
use std::process::Command;

/// `EXT4_IOC_SHUTDOWN` with `EXT4_GOING_FLAGS_NOLOGFLUSH`: nothing that is not on the device yet gets there.
const CUT: &str = "import fcntl, os, struct, sys\n\
    fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x8004587D, struct.pack('I', 2))";

pub(crate) struct Volume {
    root: tempfile::TempDir,
    device: String,
    mounted: bool,
}

impl Volume {
    /// Makes and mounts one, or says what the machine lacks for it.
    pub(crate) fn new(mebibytes: u64) -> Result<Volume, String> {
        if !cfg!(target_os = "linux") {
            return Err("not Linux".to_owned());
        }
        let root = tempfile::tempdir().map_err(|error| error.to_string())?;
        let image = root.path().join("image");
        std::fs::File::create(&image).and_then(|file| file.set_len(mebibytes << 20)).unwrap();
        std::fs::create_dir(root.path().join("mounted")).unwrap();
        run("python3", &["-c", "import fcntl"])?;
        run("mkfs.ext4", &["-q", &image.display().to_string()])?;
        let device = run("losetup", &["--find", "--show", &image.display().to_string()])?;
        let mut volume = Volume { root, device: device.trim().to_owned(), mounted: false };
        volume.mount()?;
        Ok(volume)
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.root.path().join("mounted")
    }

    /// Takes the power away.
    pub(crate) fn cut(&self) {
        run("python3", &["-c", CUT, &self.path().display().to_string()]).unwrap();
    }

    pub(crate) fn mount(&mut self) -> Result<(), String> {
        run("mount", &["-t", "ext4", &self.device, &self.path().display().to_string()])?;
        self.mounted = true;
        Ok(())
    }

    pub(crate) fn unmount(&mut self) {
        run("umount", &[&self.path().display().to_string()]).unwrap();
        self.mounted = false;
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        if self.mounted {
            let _ = run("umount", &["--lazy", &self.path().display().to_string()]);
        }
        let _ = run("losetup", &["--detach", &self.device]);
    }
}

/// Fills what is left of the file system that holds `path`, but for the last few blocks.
pub(crate) fn fill_up(path: &Path) {
    use std::io::Write;
    let mut file = std::fs::File::create(path).unwrap();
    for size in [1 << 16, 1 << 12] {
        while file.write_all(&vec![1; size]).is_ok() {}
    }
    let _ = file.sync_all();
}

fn run(program: &str, arguments: &[&str]) -> Result<String, String> {
    let output =
        Command::new(program).args(arguments).output().map_err(|error| format!("no {program}: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(format!("{program} failed: {}", String::from_utf8_lossy(&output.stderr).trim()))
}
