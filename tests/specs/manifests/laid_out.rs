//! A directory in which a container's files lie as its mounts say, and its command there.

use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;
use tests::process::command;

use crate::manifests::rendered::{Workload, text};

/// What stands for secrets that an operator makes; long enough for a token.
const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// The files of a container.
pub(crate) struct LaidOut {
    directory: TempDir,
    program: String,
    arguments: Vec<String>,
    variables: Vec<String>,
}

impl LaidOut {
    pub(crate) fn of(workload: &Workload) -> LaidOut {
        let directory = tempfile::tempdir().unwrap();
        let list = |at: &str| workload.container()[at].as_array().cloned().unwrap_or_default();
        let arguments = list("args").iter().map(|argument| argument.as_str().unwrap().to_owned()).collect();
        let variables = list("env").iter().map(|variable| text(variable, "/name")).collect();
        let laid_out = LaidOut { directory, program: workload.name.clone(), arguments, variables };
        for (path, text) in workload.files() {
            laid_out.write(&path, &laid_out.moved(&text));
        }
        for (path, mount) in workload.mounts().filter(|(path, _)| path.starts_with("/etc/auditrail/")) {
            let claimed = mount["name"].as_str().unwrap();
            let secret = workload.volume(claimed)["secret"]["secretName"].as_str();
            let keys: &[&str] = match secret {
                None => &[],
                Some("insight-console") => &["token"],
                Some("datadog") => &["api-key"],
                Some(_) => &["tls.crt", "tls.key", "ca.crt"],
            };
            keys.iter().for_each(|key| laid_out.write(&format!("{path}/{key}"), SECRET));
        }
        laid_out
    }

    /// A path of the container, here.
    pub(crate) fn path(&self, of_container: &str) -> PathBuf {
        self.directory.path().join(of_container.trim_start_matches('/'))
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.path("/etc/auditrail/auditrail.yaml")
    }

    /// The container's command; variables that come from the cluster hold a node's name.
    pub(crate) fn command(&self) -> Command {
        let mut command = command(&self.program);
        command.args(self.arguments.iter().map(|argument| self.moved(argument)));
        command.envs(self.variables.iter().map(|variable| (variable, "node-1")));
        command
    }

    /// A text that names files of the container, with their places here.
    fn moved(&self, text: &str) -> String {
        let here = self.path("/etc/auditrail/").display().to_string().replace('\\', "/");
        text.replace("/etc/auditrail/", &here)
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
}
