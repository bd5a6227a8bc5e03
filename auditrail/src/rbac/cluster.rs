//! Roles and bindings of a running cluster, as `kubectl` lists them.
//!
//! Promises: whatever signs `kubectl` in (certificates, tokens, a cloud's plugin) signs in here; nothing in the cluster
//! is changed; what it says on stderr is seen; its answer is bounded in size, and each of its requests in time.

use std::io::{ErrorKind, Read};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, anyhow, bail};
use audit::rbac::Objects;
use clap::Args;

use super::LARGEST;

/// What is listed.
const KINDS: &str = "roles,rolebindings,clusterroles,clusterrolebindings";

/// Which cluster.
#[derive(Clone, Debug, Default, Args)]
pub(super) struct Cluster {
    /// Read roles and bindings from the cluster of this kubeconfig; `kubectl` asks for them.
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// Read roles and bindings from the cluster of this context of the kubeconfig.
    #[arg(long, value_name = "NAME")]
    context: Option<String>,
}

impl Cluster {
    /// Its roles and bindings; `None` when no cluster is named.
    ///
    /// # Errors
    /// When `kubectl` is not there, fails, or says what is no list of roles.
    pub(super) fn read(&self) -> anyhow::Result<Option<Objects>> {
        if self.kubeconfig.is_none() && self.context.is_none() {
            return Ok(None);
        }
        let text = self.listed()?;
        let objects = Objects::read(&text).map_err(|why| anyhow!("what kubectl listed: {why}"))?;
        Ok(Some(objects))
    }

    fn listed(&self) -> anyhow::Result<String> {
        let mut kubectl = self.kubectl().spawn().map_err(|why| match why.kind() {
            ErrorKind::NotFound => {
                anyhow!("kubectl is not in PATH; let `kubectl get {KINDS} -A -o json` write a file elsewhere and give it with --roles")
            }
            _ => anyhow::Error::new(why).context("kubectl cannot be started"),
        })?;
        let text = read(&mut kubectl);
        if text.is_err() {
            // It may wait for a reader that is gone.
            let _ = kubectl.kill();
        }
        let status = kubectl.wait().context("kubectl cannot be waited for")?;
        let text = text?;
        if !status.success() {
            bail!("kubectl could not list {KINDS}: {status}; what it said stands above");
        }
        Ok(text)
    }

    fn kubectl(&self) -> Command {
        let mut kubectl = Command::new("kubectl");
        kubectl.args(["get", KINDS, "--all-namespaces", "--output=json", "--request-timeout=60s"]);
        if let Some(file) = &self.kubeconfig {
            kubectl.arg("--kubeconfig").arg(file);
        }
        if let Some(context) = &self.context {
            kubectl.arg("--context").arg(context);
        }
        kubectl.stdin(Stdio::null()).stdout(Stdio::piped());
        kubectl
    }
}

/// All that it writes.
fn read(kubectl: &mut Child) -> anyhow::Result<String> {
    let mut text = String::new();
    let output = kubectl.stdout.take().expect("its output is a pipe");
    let length = output.take(LARGEST + 1).read_to_string(&mut text).context("kubectl cannot be read")?;
    if length as u64 > LARGEST {
        bail!("kubectl lists more than {} MiB of roles and bindings", LARGEST >> 20);
    }
    Ok(text)
}
