//! The kubeconfig that `webhook kubeconfig` prints is one that client-go reads, or nothing is printed.

#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
const KEY: &str = "-----BEGIN PRIVATE KEY-----\nSECRET\n-----END PRIVATE KEY-----\n";

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Place {
        let place = Place(tempfile::tempdir().unwrap());
        for (name, text) in [("ca.crt", CERTIFICATE), ("api.crt", CERTIFICATE), ("api.key", KEY)] {
            std::fs::write(place.path(name), text).unwrap();
        }
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A configuration with this webhook.
    fn config(&self, webhook: &str) -> String {
        let path = self.path("auditrail.yaml");
        std::fs::write(&path, format!("collector:\n  webhook: {webhook}\n")).unwrap();
        path.to_str().unwrap().to_owned()
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_auditrail"));
        command.args(["webhook", "kubeconfig"]).args(arguments).current_dir(self.0.path());
        command.output().unwrap()
    }

    /// What is printed, as whoever reads YAML sees it.
    fn printed(&self, arguments: &[&str]) -> Value {
        let output = self.run(arguments);
        assert!(output.status.success(), "{}", said(&output));
        assert!(said(&output).contains("--audit-webhook-config-file="), "{}", said(&output));
        assert!(!said(&output).contains("SECRET"));
        serde_saphyr::from_str(std::str::from_utf8(&output.stdout).unwrap()).unwrap()
    }

    fn refused(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert_eq!(output.status.code(), Some(64), "{}", said(&output));
        assert!(output.stdout.is_empty());
        said(&output)
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn whole(cluster: &Value, user: &Value) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "auditrail", "cluster": cluster}],
        "users": [{"name": "kube-apiserver", "user": user}],
        "contexts": [{"name": "auditrail", "context": {"cluster": "auditrail", "user": "kube-apiserver"}}],
        "current-context": "auditrail",
    })
}

#[test]
fn the_address_and_path_are_those_of_the_configuration() {
    let place = Place::new();
    let config = place.config("{listen: '127.0.0.1:8443', insecure: true, path: /from/here}");
    let expected = whole(&json!({"server": "http://127.0.0.1:8443/from/here"}), &json!({}));
    assert_eq!(place.printed(&["--config", &config]), expected);
    let config = place.config("{listen: '[::1]:8443', tls: {cert_file: a, key_file: b}}");
    let expected = whole(&json!({"server": "https://[::1]:8443/audit"}), &json!({}));
    assert_eq!(place.printed(&["--config", &config]), expected);
}

#[test]
fn certificates_and_key_are_embedded_or_named_by_their_paths() {
    let place = Place::new();
    let config = place
        .config("{listen: '0.0.0.0:8443', path: /p, tls: {cert_file: a, key_file: b, client_ca_file: c}}");
    let flags = ["--ca", "ca.crt", "--client-certificate", "api.crt", "--client-key", "api.key"];
    let mut arguments = vec!["--config", &config, "--server", "https://auditrail.example:8443"];
    arguments.extend(flags);
    let server = "https://auditrail.example:8443/p";
    let cluster = json!({"server": server, "certificate-authority-data": STANDARD.encode(CERTIFICATE)});
    let user = json!({
        "client-certificate-data": STANDARD.encode(CERTIFICATE),
        "client-key-data": STANDARD.encode(KEY),
    });
    assert_eq!(place.printed(&arguments), whole(&cluster, &user));
    arguments.push("--by-path");
    let printed = place.printed(&arguments);
    let named = |value: &Value, name: &str| {
        let path = Path::new(value.as_str().unwrap());
        assert!(path.is_absolute() && path.ends_with(name), "{}", path.display());
    };
    named(&printed["clusters"][0]["cluster"]["certificate-authority"], "ca.crt");
    named(&printed["users"][0]["user"]["client-certificate"], "api.crt");
    named(&printed["users"][0]["user"]["client-key"], "api.key");
}

#[test]
fn what_is_missing_is_said_beside_the_result() {
    let place = Place::new();
    let config =
        place.config("{listen: '10.0.0.1:8443', tls: {cert_file: a, key_file: b, client_ca_file: c}}");
    let said = said(&place.run(&["--config", &config]));
    assert!(said.contains("No --ca") && said.contains("--client-certificate"), "{said}");
}

#[test]
fn what_no_api_server_could_use_is_refused_and_nothing_is_printed() {
    let place = Place::new();
    assert!(place.refused(&[]).contains("collector.webhook"));
    let everywhere = place.config("{listen: '0.0.0.0:8443', tls: {cert_file: a, key_file: b}}");
    assert!(place.refused(&["--config", &everywhere]).contains("--server"));
    let config = place.config("{listen: '127.0.0.1:8443', insecure: true}");
    let with = |more: &[&str]| place.refused(&[&["--config", &config], more].concat());
    assert!(with(&["--ca", "ca.crt"]).contains("over TLS alone"));
    assert!(with(&["--server", "collector:8443"]).contains("https://NAME:PORT/audit"));
    assert!(with(&["--server", "https://a/audit?x=1"]).contains("query"));
    assert!(with(&["--server", "https://a b/"]).contains("blanks"));
    let tls = ["--server", "https://a/audit"];
    assert!(with(&[&tls[..], &["--ca", "api.key"]].concat()).contains("BEGIN CERTIFICATE"));
    assert!(with(&[&tls[..], &["--ca", "nowhere.crt"]].concat()).contains("nowhere.crt"));
    assert!(with(&[&tls[..], &["--client-certificate", "api.crt"]].concat()).contains("--client-key"));
    let swapped = ["--client-certificate", "api.key", "--client-key", "api.crt"];
    assert!(with(&[&tls[..], &swapped].concat()).contains("--client-certificate"));
}
