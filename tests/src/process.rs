//! Our binaries as processes of their own: started, killed, ended.
//!
//! Promise: what was started is killed when the spec ends, however it ends.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};

/// A running process.
pub struct Process {
    child: Child,
    words: PathBuf,
}

/// The path of one of our binaries, next to the test's own.
///
/// # Panics
/// When it was not built: `cargo test --workspace` builds all of them.
pub fn binary(name: &str) -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let profile = own.parent().and_then(Path::parent).unwrap();
    let path = profile.join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    assert!(path.is_file(), "{} is not built: run `cargo test --workspace`", path.display());
    path
}

/// One of our binaries, without the environment's own settings.
pub fn command(name: &str) -> Command {
    let mut command = Command::new(binary(name));
    for (variable, _) in std::env::vars_os() {
        let known =
            variable.to_str().is_some_and(|name| name.starts_with("DD_") || name.starts_with("AUDITRAIL_"));
        if known {
            command.env_remove(variable);
        }
    }
    command.env("NO_COLOR", "1").env("NO_PROXY", "127.0.0.1").stdin(Stdio::null());
    command
}

/// Runs one of our binaries to its end.
pub fn output(name: &str, arguments: &[&str]) -> Output {
    command(name).args(arguments).output().unwrap()
}

impl Process {
    /// Starts a command; what it says goes to a file.
    pub fn start(mut command: Command, words: &Path) -> Self {
        let file = File::options().create(true).append(true).open(words).unwrap();
        let child = command.stdout(file.try_clone().unwrap()).stderr(file).spawn().unwrap();
        Process { child, words: words.to_path_buf() }
    }

    /// Ends it at once, without a chance to clean up (SIGKILL).
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to stop (SIGTERM) and waits for its end.
    #[cfg(unix)]
    pub fn stop(mut self) -> ExitStatus {
        self.ask_to_stop();
        self.child.wait().unwrap()
    }

    /// Asks it to stop (SIGTERM), and waits for nothing.
    #[cfg(unix)]
    pub fn ask_to_stop(&self) {
        self.signal("-TERM");
    }

    /// Asks it to read its configuration again (SIGHUP), and waits for nothing.
    #[cfg(unix)]
    pub fn hang_up(&self) {
        self.signal("-HUP");
    }

    #[cfg(unix)]
    fn signal(&self, signal: &str) {
        let asked = Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap();
        assert!(asked.success());
    }

    /// Waits for its end.
    pub fn wait(mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }

    /// Its number.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has ended.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// What it said so far.
    pub fn words(&self) -> String {
        std::fs::read_to_string(&self.words).unwrap_or_default()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
