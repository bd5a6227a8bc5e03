//! What `doctor` finds in an installation that is not well, and what its bundle holds.

#![allow(clippy::unwrap_used)]

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// What must not be passed on; each place has its own.
const SECRETS: [&str; 7] = [
    "hunter-key-from-the-environment",
    "hunter-key-from-a-file",
    "hunter-in-a-proxy",
    "hunter-in-a-header",
    "hunter-in-a-query",
    "hunter-token-of-the-console",
    "hunter-password-of-kafka",
];

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Place {
        let place = Place(tempfile::tempdir().unwrap());
        place.put("audit.log", "{\"kind\":\"Event\"}\n");
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn put(&self, name: &str, text: &str) -> String {
        std::fs::write(self.path(name), text).unwrap();
        self.path(name).to_str().unwrap().replace('\\', "/")
    }

    fn doctor(&self, config: &str, more: &[&str]) -> Output {
        let config = self.put("auditrail.yaml", config);
        let mut command = Command::new(env!("CARGO_BIN_EXE_auditrail"));
        let own = std::env::vars_os().map(|(name, _)| name);
        for name in own.filter(|name| name.to_str().is_some_and(|name| name.starts_with("DD_"))) {
            command.env_remove(name);
        }
        command.args(["doctor", "--config", &config, "--path"]).arg(self.path("audit.log"));
        command.arg("--data").arg(self.path("data")).args(more).current_dir(self.0.path());
        let proxy = format!("http://u:{}@127.0.0.1:1", SECRETS[2]);
        command.env("DD_API_KEY", SECRETS[0]).env("DD_PROXY_HTTPS", proxy).output().unwrap()
    }
}

fn printed(run: &Output) -> String {
    String::from_utf8_lossy(&run.stdout).into_owned() + &String::from_utf8_lossy(&run.stderr)
}

/// Whether a line of this grade has these words.
fn says(run: &Output, grade: &str, words: &str) -> bool {
    printed(run).lines().any(|line| line.starts_with(grade) && line.contains(words))
}

/// An address that answers one request with this head, and what it was asked.
fn answering(head: &'static str) -> (String, std::thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let asked = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            request.push(byte[0]);
        }
        write!(stream, "{head}\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{{}}").unwrap();
        String::from_utf8(request).unwrap()
    });
    (url, asked)
}

#[test]
fn a_key_that_the_intake_does_not_know_is_said_when_it_is_asked_and_nobody_is_asked_otherwise() {
    let place = Place::new();
    let (url, asked) = answering("HTTP/1.1 403 Forbidden");
    let config = format!("shipper: {{destinations: {{dd: {{type: datadog, url: '{url}'}}}}}}\n");
    let run = place.doctor(&config, &[]);
    assert!(says(&run, "ok", "destination dd") && !asked.is_finished(), "{}", printed(&run));
    let run = place.doctor(&config, &["--online"]);
    assert_eq!(run.status.code(), Some(1));
    assert!(says(&run, "error", "does not know the key from DD_API_KEY (403)"), "{}", printed(&run));
    let request = asked.join().unwrap();
    assert!(request.starts_with("GET /api/v1/validate "), "{request}");
    assert!(request.to_lowercase().contains(&format!("dd-api-key: {}", SECRETS[0])), "{request}");
}

#[test]
fn a_clock_that_is_not_the_intakes_is_said_with_how_far_it_is() {
    let place = Place::new();
    let (url, asked) = answering("HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT");
    let config = format!("shipper: {{destinations: {{dd: {{type: datadog, url: '{url}'}}}}}}\n");
    let run = place.doctor(&config, &["--online"]);
    asked.join().unwrap();
    assert!(says(&run, "ok", "knows the key"), "{}", printed(&run));
    assert!(says(&run, "warning", "ahead of that of http://127.0.0.1"), "{}", printed(&run));
}

#[test]
fn a_secret_that_cannot_be_read_is_said_with_its_file() {
    let place = Place::new();
    let config = "shipper: {destinations: {dd: {type: datadog, api_key_file: /nowhere/key}}}\n";
    let run = place.doctor(config, &[]);
    assert!(says(&run, "error", "secret file /nowhere/key cannot be read"), "{}", printed(&run));
}

#[test]
fn a_next_stage_that_nobody_reaches_is_said_for_the_collector_and_for_the_router() {
    let place = Place::new();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let next = format!("http://127.0.0.1:{port}");
    let config = format!("collector: {{next: '{next}'}}\nrouter: {{next: '{next}'}}\n");
    let run = place.doctor(&config, &[]);
    assert!(says(&run, "error", "or correct collector.next"), "{}", printed(&run));
    assert!(says(&run, "error", "or correct router.next"), "{}", printed(&run));
}

#[test]
fn a_policy_with_findings_is_said_with_the_command_that_tells_them() {
    let place = Place::new();
    let policy = place.put(
        "policy.yaml",
        "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n- level: Metadata\n- level: None\n  users: [a]\n",
    );
    let run = place.doctor(&format!("router: {{policy: '{policy}'}}\n"), &[]);
    assert!(says(&run, "warning", &format!("auditrail policy lint {policy}")), "{}", printed(&run));
    place.put("policy.yaml", "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n- level: Everything\n");
    let run = place.doctor(&format!("router: {{policy: '{policy}'}}\n"), &[]);
    assert!(says(&run, "error", "policy.yaml"), "{}", printed(&run));
}

#[cfg(unix)]
#[test]
fn a_disk_on_which_a_store_cannot_grow_to_its_bound_is_said() {
    let place = Place::new();
    let run = place.doctor("collector: {queue: {max_size: 9000TiB}}\n", &[]);
    assert!(says(&run, "warning", "lower `queue.max_size`"), "{}", printed(&run));
    let config = "shipper: {spool: {max_size: 9000TiB}, destinations: {out: {type: stdout}}}\n";
    let run = place.doctor(config, &[]);
    assert!(says(&run, "warning", "lower `spool.max_size`"), "{}", printed(&run));
}

#[cfg(unix)]
#[test]
fn a_lake_that_cannot_be_written_or_cannot_grow_to_its_bound_is_said() {
    let place = Place::new();
    let of = |url: &str| {
        format!("shipper: {{destinations: {{kept: {{type: lake, url: '{url}', max_size: 9000TiB}}}}}}\n")
    };
    let below_a_file = place.path("audit.log").join("lake").display().to_string();
    let run = place.doctor(&of(&below_a_file), &[]);
    assert!(says(&run, "error", "choose another `url`"), "{}", printed(&run));
    let run = place.doctor(&of(&place.path("lake").display().to_string()), &[]);
    assert!(says(&run, "warning", "lower `max_size`"), "{}", printed(&run));
    assert!(!place.path("lake").exists(), "the doctor makes nothing");
}

/// A configuration with a secret of each kind.
fn secretive(place: &Place) -> String {
    let [_, file, _, header, query, token, password] = SECRETS;
    let (key, token) = (place.put("key", file), place.put("token", token));
    let password = place.put("password", password);
    format!(
        "shipper:\n  destinations:\n    dd: {{type: datadog, api_key_file: '{key}'}}\n    \
         own: {{type: datadog, url: 'http://127.0.0.1:1'}}\n    \
         web: {{type: http, url: 'https://in.example/x?token={query}', headers: {{x-auth: {header}}}}}\n    \
         kafka: {{type: kafka, brokers: ['k:1'], topic: t, sasl: {{mechanism: scram-sha-256, user: u, password_file: '{password}'}}}}\n\
         insight: {{token_file: '{token}'}}\n"
    )
}

/// The files of a bundle, as an independent reader of archives finds them where there is one.
fn unpacked(bundle: &Path) -> Vec<u8> {
    let bytes = std::fs::read(bundle).unwrap();
    let mut archive = Vec::new();
    if bundle.extension().is_some_and(|form| form == "gz") {
        flate2::read::GzDecoder::new(bytes.as_slice()).read_to_end(&mut archive).unwrap();
    } else {
        archive = zstd::decode_all(bytes.as_slice()).unwrap();
    }
    archive
}

#[test]
fn a_bundle_has_everything_that_helps_and_no_secret_of_the_configuration_and_no_event() {
    let place = Place::new();
    let config = secretive(&place);
    // A log that somebody wrote a key into, and a queue with an event.
    let own = place.put("own.log", &format!("level=info key={}\n", SECRETS[1]));
    std::fs::create_dir_all(place.path("data/collector/quarantine")).unwrap();
    place.put("data/collector/quarantine/1.log", "hunter-in-an-event");
    for name in ["bundle.tar.gz", "bundle.tar.zst"] {
        let run = place.doctor(&config, &["--bundle", name, "--log", &own]);
        assert!(printed(&run).contains("the bundle is in"), "{}", printed(&run));
        let archive = unpacked(&place.path(name));
        let text = String::from_utf8_lossy(&archive);
        for secret in SECRETS {
            assert!(!text.contains(secret), "{secret} is in the bundle");
        }
        assert!(!text.contains("hunter"), "{}", &text[text.find("hunter").unwrap()..][..80]);
        for part in [
            "versions.txt",
            "doctor.txt",
            "configuration.txt",
            "environment.txt",
            "status.txt",
            "status.json",
            "stores.txt",
            "metrics/collector.txt",
            "logs/0.log",
        ] {
            assert!(text.contains(part), "{part} is missing");
        }
        assert!(text.contains("level=info key=*****") && text.contains("DD_API_KEY is set"), "{text}");
        assert!(text.contains("shipper.destinations.kafka.sasl.user"), "{text}");
    }
}

#[cfg(unix)]
#[test]
fn a_bundle_is_an_archive_that_tar_reads() {
    let place = Place::new();
    place.doctor("", &["--bundle", "b.tar.gz"]);
    let listed = Command::new("tar").arg("-tzvf").arg(place.path("b.tar.gz")).output();
    let Ok(listed) = listed else {
        eprintln!("not tested: there is no tar");
        return;
    };
    let text = String::from_utf8_lossy(&listed.stdout);
    assert!(listed.status.success() && listed.stderr.is_empty(), "{listed:?}");
    assert!(text.lines().count() >= 11 && text.contains("configuration.txt"), "{text}");
}

#[test]
fn a_bundle_replaces_no_file_and_has_a_name_that_tells_how_it_is_packed() {
    let place = Place::new();
    let there = place.put("there.tar.gz", "something");
    let run = place.doctor("", &["--bundle", &there]);
    assert_eq!(run.status.code(), Some(64));
    assert_eq!(std::fs::read_to_string(&there).unwrap(), "something");
    let run = place.doctor("", &["--bundle", "bundle.zip"]);
    assert!(run.status.code() == Some(64) && printed(&run).contains(".tar.gz"), "{}", printed(&run));
}
