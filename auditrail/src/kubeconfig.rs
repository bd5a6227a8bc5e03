//! `webhook kubeconfig`: the file that tells an API server where to post its events.
//!
//! Promises: what is printed is whole and good for `--audit-webhook-config-file`, or nothing is printed; it is the
//! result on stdout, and how to use it stands on stderr; a key is printed only in that file, and only when it was
//! asked for.

use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chassis::Configuration;
use collector::Webhook;

use crate::cli::Kubeconfig;
use crate::exit::Failure;
use crate::say;

/// Longest file that is embedded.
const MOST_BYTES: u64 = 1 << 20;

/// Prints the file, and how to use it.
///
/// # Errors
/// [`Failure::Usage`] with what is missing or does not fit.
pub(crate) fn kubeconfig(arguments: &Kubeconfig) -> Result<ExitCode, Failure> {
    let environment = chassis::config::environment().map_err(Failure::usage)?;
    let (text, hint) = written(arguments, environment).map_err(Failure::Usage)?;
    say::bare(&hint);
    say::result(&text)?;
    Ok(ExitCode::SUCCESS)
}

/// The file, and the hint.
fn written(arguments: &Kubeconfig, environment: Vec<(String, String)>) -> anyhow::Result<(String, String)> {
    let configuration = Configuration::read(arguments.config.as_deref(), environment)?;
    let webhook = configuration.section::<collector::Config>()?.webhook;
    let server = server(arguments, webhook.as_ref())?;
    let over_tls = server.starts_with("https://");
    if !over_tls && (arguments.ca.is_some() || arguments.client_certificate.is_some()) {
        bail!(
            "{server} is no https: the API server uses certificates over TLS alone; remove them, or set up collector.webhook.tls"
        );
    }
    let mut cluster = vec![("server".to_owned(), server.clone())];
    if let Some(path) = &arguments.ca {
        cluster.push(certificate(arguments, "--ca", "certificate-authority", path)?);
    }
    let mut user = Vec::new();
    if let (Some(certificate_file), Some(key)) = (&arguments.client_certificate, &arguments.client_key) {
        user.push(certificate(arguments, "--client-certificate", "client-certificate", certificate_file)?);
        user.push(file(arguments, "--client-key", "client-key", key, "PRIVATE KEY-----")?);
    }
    let text = format!(
        "apiVersion: v1\nkind: Config\nclusters:\n- name: auditrail\n  cluster:{}users:\n- name: kube-apiserver\n  user:{}contexts:\n- name: auditrail\n  context:\n    cluster: auditrail\n    user: kube-apiserver\ncurrent-context: auditrail\n",
        mapping(&cluster),
        mapping(&user),
    );
    let asks_for_clients = webhook
        .as_ref()
        .and_then(|webhook| webhook.tls.as_ref())
        .is_some_and(|tls| tls.client_ca_file.is_some());
    Ok((text, hint(over_tls && arguments.ca.is_none(), asks_for_clients && user.is_empty())))
}

/// Where the API server posts to.
fn server(arguments: &Kubeconfig, webhook: Option<&Webhook>) -> anyhow::Result<String> {
    let path = webhook.map_or("/audit", |webhook| &webhook.path);
    if let Some(server) = &arguments.server {
        return said(server, path);
    }
    let Some(webhook) = webhook else {
        bail!(
            "no webhook is configured: name a file with collector.webhook by --config, or the URL by --server"
        );
    };
    let address: SocketAddr = webhook.listen;
    if address.ip().is_unspecified() || address.port() == 0 {
        bail!(
            "{address} is no address that an API server can post to: name the URL by --server, as https://NAME:PORT{path}"
        );
    }
    let scheme = if webhook.tls.is_some() { "https" } else { "http" };
    Ok(format!("{scheme}://{address}{path}"))
}

/// A URL that somebody wrote; where it has no path, with this one.
fn said(server: &str, path: &str) -> anyhow::Result<String> {
    let rest = server.strip_prefix("https://").or_else(|| server.strip_prefix("http://"));
    let Some(rest) = rest.filter(|rest| !rest.is_empty() && !rest.starts_with('/')) else {
        bail!("--server {server}: write a URL, as https://NAME:PORT{path}");
    };
    if rest.contains(|character: char| character.is_whitespace() || character.is_control()) {
        bail!("--server {server:?}: a URL has no blanks");
    }
    if rest.contains(['?', '#', '@']) {
        bail!(
            "--server {server}: write host, port and path alone: the API server replaces a query, and sends no password from here"
        );
    }
    Ok(match rest.split_once('/') {
        None | Some((_, "")) => format!("{}{path}", server.trim_end_matches('/')),
        Some(_) => server.to_owned(),
    })
}

fn certificate(
    arguments: &Kubeconfig,
    flag: &str,
    key: &str,
    path: &Path,
) -> anyhow::Result<(String, String)> {
    file(arguments, flag, key, path, "-----BEGIN CERTIFICATE-----")
}

/// The path of a file, or what is in it, with the key that it has here.
fn file(
    arguments: &Kubeconfig,
    flag: &str,
    key: &str,
    path: &Path,
    holds: &str,
) -> anyhow::Result<(String, String)> {
    let shown = format!("{flag} {}", path.display());
    let size = std::fs::metadata(path).with_context(|| shown.clone())?.len();
    if size > MOST_BYTES {
        bail!("{shown}: it has {size} bytes, and a PEM file has at most {MOST_BYTES}");
    }
    let text = std::fs::read(path).with_context(|| shown.clone())?;
    if !String::from_utf8_lossy(&text).contains(holds) {
        bail!("{shown}: there is no `{holds}` in it: name a PEM file");
    }
    if arguments.by_path {
        let whole = std::path::absolute(path).with_context(|| shown.clone())?;
        let whole = whole.to_str().with_context(|| format!("{shown}: its path is no UTF-8"))?;
        return Ok((key.to_owned(), whole.to_owned()));
    }
    Ok((format!("{key}-data"), STANDARD.encode(text)))
}

/// Keys and values below a key. Every JSON string is a string of YAML.
fn mapping(pairs: &[(String, String)]) -> String {
    if pairs.is_empty() {
        return " {}\n".to_owned();
    }
    let line = |(key, value): &(String, String)| {
        format!("    {key}: {}\n", serde_json::Value::String(value.clone()))
    };
    "\n".to_owned() + &pairs.iter().map(line).collect::<String>()
}

fn hint(without_ca: bool, without_client: bool) -> String {
    let mut hint = "\
Write this to a file that only the API server may read, for example /etc/kubernetes/audit-webhook.yaml, and start
kube-apiserver with

  --audit-policy-file=POLICY
  --audit-webhook-config-file=/etc/kubernetes/audit-webhook.yaml
  --audit-webhook-mode=batch

An API server that runs as a static pod needs both files mounted. It gives a batch up after five attempts: a batch
of large events has to stay below collector.webhook.max_body_size, which --audit-webhook-batch-max-size (400 events)
and --audit-webhook-truncate-enabled see to.
"
    .to_owned();
    if without_ca {
        hint += "\nNo --ca was named: the API server trusts the authorities of its system.\n";
    }
    if without_client {
        hint += "\nThe webhook asks for client certificates (client_ca_file): name one by --client-certificate and --client-key.\n";
    }
    hint
}
