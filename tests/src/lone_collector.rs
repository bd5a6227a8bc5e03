//! A collector as a process of its own, between a directory of logs and a stage of the spec.

use std::path::{Path, PathBuf};

use proto::v1::{ServiceStatus, StatusRequest};

use crate::eventually::eventually;
use crate::port::free_port;
use crate::process::{Process, command};

/// The collector, running or not.
pub struct LoneCollector {
    directory: PathBuf,
    port: u16,
    running: Option<Process>,
}

impl LoneCollector {
    /// One that follows `log/audit.log` below `directory` to the stage at `next`; it does not run yet. Its queue holds
    /// `queue_size` at the most; `settings` are more YAML lines of the section `collector:`.
    #[must_use]
    pub fn new(directory: &Path, next: &str, queue_size: &str, settings: &str) -> LoneCollector {
        let (port, http) = (free_port(), free_port());
        let collector = LoneCollector { directory: directory.to_path_buf(), port, running: None };
        std::fs::create_dir_all(collector.logs()).unwrap();
        let yaml = format!(
            "collector:\n  id: cp-1\n  node: cp-1\n  listen: 127.0.0.1:{port}\n  http_listen: 127.0.0.1:{http}\n  \
             next: {next}\n  logs:\n    - {{type: file, path: '{}', source: kubernetes.audit, service: audit}}\n  \
             queue: {{dir: '{}', max_size: {queue_size}}}\n{settings}",
            collector.log().display(),
            collector.queue().display(),
        );
        std::fs::write(collector.config(), yaml).unwrap();
        collector
    }

    /// The directory of the logs.
    #[must_use]
    pub fn logs(&self) -> PathBuf {
        self.directory.join("log")
    }

    /// The active file.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.logs().join("audit.log")
    }

    /// The configuration file.
    #[must_use]
    pub fn config(&self) -> PathBuf {
        self.directory.join("collector.yaml")
    }

    /// The directory of its queue.
    #[must_use]
    pub fn queue(&self) -> PathBuf {
        self.directory.join("queue")
    }

    /// Starts it; it may not answer yet.
    pub fn start(&mut self) {
        let mut command = command("collector");
        command.arg("--config").arg(self.config());
        self.running = Some(Process::start(command, &self.directory.join("collector.words")));
    }

    /// The number of the running process.
    ///
    /// # Panics
    /// When it does not run.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.running.as_ref().unwrap().id()
    }

    /// Kills it at once (SIGKILL).
    ///
    /// # Panics
    /// When it had ended by itself.
    pub fn kill(&mut self) {
        self.assert_running();
        self.running.take().unwrap().kill();
    }

    /// Asks it to stop (SIGTERM) and waits for its end.
    ///
    /// # Panics
    /// When it ends otherwise than asked.
    #[cfg(unix)]
    pub fn stop(&mut self) {
        self.assert_running();
        let status = self.running.take().unwrap().stop();
        // In its first milliseconds a process knows no signals yet, and is simply ended.
        let early = std::os::unix::process::ExitStatusExt::signal(&status) == Some(15);
        assert!(status.success() || early, "the collector ended with {status}: {}", self.words());
    }

    /// Asks it to stop (SIGTERM), and waits for nothing.
    ///
    /// # Panics
    /// When it does not run.
    #[cfg(unix)]
    pub fn ask_to_stop(&self) {
        self.running.as_ref().unwrap().ask_to_stop();
    }

    /// Waits for its end, for which it was asked.
    ///
    /// # Panics
    /// When it never ends.
    pub async fn ended(&mut self) {
        let mut process = self.running.take().unwrap();
        eventually("the collector ends", async || {
            if process.has_ended() { Ok(()) } else { Err("it runs".to_owned()) }
        })
        .await;
    }

    /// Fails when it ended by itself.
    ///
    /// # Panics
    /// With what it said.
    pub fn assert_running(&mut self) {
        let ended = self.running.as_mut().is_none_or(Process::has_ended);
        assert!(!ended, "the collector does not run: {}", self.words());
    }

    /// What it says of itself.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn status(&self) -> Result<ServiceStatus, String> {
        let address = format!("http://127.0.0.1:{}", self.port);
        let mut admin = proto::connect_admin(&address).map_err(|error| error.to_string())?;
        let reply = admin.status(StatusRequest {}).await.map_err(|error| error.to_string())?;
        reply.into_inner().services.pop().ok_or_else(|| "it names no service".to_owned())
    }

    /// Waits until status says so.
    ///
    /// # Panics
    /// When it never does.
    pub async fn until(&mut self, what: &str, enough: impl Fn(&ServiceStatus) -> bool) -> ServiceStatus {
        eventually(what, async || match self.status().await {
            Ok(status) if enough(&status) => Ok(status),
            Ok(status) => Err(format!("{status:#?}")),
            Err(error) => {
                self.assert_running();
                Err(error)
            }
        })
        .await
    }

    /// The end of what it said since it was started first.
    #[must_use]
    pub fn words(&self) -> String {
        let said = std::fs::read_to_string(self.directory.join("collector.words")).unwrap_or_default();
        let lines: Vec<&str> = said.lines().collect();
        lines[lines.len().saturating_sub(400)..].join("\n")
    }
}
