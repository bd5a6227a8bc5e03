//! What the tests start from: a shipper's stand-in, a router from configuration text, batches, events.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use chassis::Configuration;
use proto::{Batch, Encoding, Origin, Receipt, Refusal, Stage};
use router::{Config, Router};
use tempfile::TempDir;
use tokio::sync::Semaphore;
use tower::ServiceExt;

/// Takes batches and remembers them, or refuses those of some destinations.
#[derive(Clone, Default)]
pub(crate) struct Shipper(Arc<Mutex<Inside>>);

#[derive(Default)]
struct Inside {
    taken: Vec<Batch>,
    refusing: BTreeMap<String, Refusal>,
}

impl Shipper {
    pub(crate) fn stage(&self) -> Stage {
        let shipper = self.clone();
        proto::stage(move |batch| std::future::ready(shipper.take(batch)))
    }

    fn take(&self, batch: Batch) -> Result<Receipt, Refusal> {
        let mut inside = self.0.lock().unwrap();
        if let Some(refusal) = inside.refusing.get(&batch.destination) {
            return Err(refusal.clone());
        }
        batch.check()?;
        let receipt = batch.receipt();
        inside.taken.push(batch);
        Ok(receipt)
    }

    pub(crate) fn refuse(&self, destination: &str, refusal: Refusal) {
        self.0.lock().unwrap().refusing.insert(destination.to_owned(), refusal);
    }

    pub(crate) fn recover(&self, destination: &str) {
        self.0.lock().unwrap().refusing.remove(destination);
    }

    /// What a destination has taken.
    pub(crate) fn taken(&self, destination: &str) -> Vec<Batch> {
        let inside = self.0.lock().unwrap();
        inside.taken.iter().filter(|batch| batch.destination == destination).cloned().collect()
    }

    /// The one batch that a destination has taken.
    pub(crate) fn only(&self, destination: &str) -> Batch {
        let mut taken = self.taken(destination);
        assert_eq!(taken.len(), 1, "batches at {destination}");
        taken.remove(0)
    }
}

/// Gives each receipt when the test says so.
#[derive(Clone)]
pub(crate) struct SlowShipper {
    asked: Arc<Semaphore>,
    answers: Arc<Semaphore>,
}

impl Default for SlowShipper {
    fn default() -> Self {
        SlowShipper { asked: Arc::new(Semaphore::new(0)), answers: Arc::new(Semaphore::new(0)) }
    }
}

impl SlowShipper {
    pub(crate) fn stage(&self) -> Stage {
        let slow = self.clone();
        proto::stage(move |batch: Batch| {
            let SlowShipper { asked, answers } = slow.clone();
            async move {
                asked.add_permits(1);
                answers.acquire().await.unwrap().forget();
                Ok(batch.receipt())
            }
        })
    }

    /// Waits until a batch is here.
    pub(crate) async fn asked(&self) {
        self.asked.acquire().await.unwrap().forget();
    }

    /// Gives one receipt.
    pub(crate) fn answer(&self) {
        self.answers.add_permits(1);
    }
}

/// A router, its configuration with the files that it names, and the shipper behind it.
pub(crate) struct Given {
    pub(crate) config: Config,
    pub(crate) router: Router,
    pub(crate) shipper: Shipper,
    _dir: TempDir,
}

impl Given {
    /// `section` is the section `router:`; `POLICY(name)` in it stands for the file of that name.
    pub(crate) fn router(section: &str, policies: &[(&str, &str)]) -> Given {
        let (config, dir) = config(section, policies);
        let (config, shipper) = (config.unwrap(), Shipper::default());
        Given { router: Router::new(&config, shipper.stage()).unwrap(), config, shipper, _dir: dir }
    }

    pub(crate) async fn push(&self, batch: Batch) -> Result<Receipt, Refusal> {
        self.router.stage().oneshot(batch).await
    }
}

/// The section, read as a process reads it; the policies lie in the directory that comes with it.
pub(crate) fn config(section: &str, policies: &[(&str, &str)]) -> (Result<Config, String>, TempDir) {
    let dir = TempDir::new().unwrap();
    let mut text = format!("router:\n{section}\n");
    for (name, policy) in policies {
        let path = policy_path(dir.path(), name);
        std::fs::write(&path, policy).unwrap();
        text = text.replace(&format!("POLICY({name})"), &format!("'{}'", path.display()));
    }
    let read = Configuration::parse(Path::new("auditrail.yaml"), text, []).unwrap().section::<Config>();
    (read.map_err(|error| error.to_string()), dir)
}

pub(crate) fn policy_path(dir: &Path, name: &str) -> PathBuf {
    dir.join(format!("{name}.yaml"))
}

/// A policy of these rules, one per line, in YAML's flow form.
pub(crate) fn policy(rules: &[&str]) -> String {
    let rules: String = rules.iter().map(|rule| format!("- {{{rule}}}\n")).collect();
    format!("apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n{rules}")
}

/// A batch of these lines, numbered from 100.
pub(crate) fn batch<L: AsRef<[u8]>>(lines: &[L]) -> Batch {
    let frame = Batch {
        origin: Some(Origin {
            collector: "cp-1".into(),
            path: "/var/log/audit.log".into(),
            ..Origin::default()
        }),
        queue: vec![7; 16],
        first: 100,
        last: 99 + lines.len().max(1) as u64,
        read_at_us: 1,
        ..Batch::default()
    };
    let numbered =
        (100..).zip(lines).map(|(number, line)| (number, line.as_ref().len() as u64 + 1, line.as_ref()));
    frame.with_lines(numbered, Encoding::Zstd).unwrap()
}

/// The lines of a batch, as text.
pub(crate) fn lines(batch: &Batch) -> Vec<String> {
    let text = |line: &proto::Line| String::from_utf8_lossy(&line.bytes).into_owned();
    batch.lines().unwrap().iter().map(text).collect()
}

/// What a batch leaves out: cause and numbers, less 100.
pub(crate) fn left_out(batch: &Batch) -> Vec<(String, Vec<u64>)> {
    let number = |number: &u32| batch.first + u64::from(*number) - 100;
    batch.filtered.iter().map(|left| (left.by.clone(), left.numbers.iter().map(number).collect())).collect()
}

/// One event, in full detail.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) verb: &'static str,
    pub(crate) resource: &'static str,
    pub(crate) user: &'static str,
    pub(crate) stage: &'static str,
    pub(crate) code: u16,
}

pub(crate) const TOLD: Told =
    Told { verb: "create", resource: "pods", user: "alice", stage: "ResponseComplete", code: 201 };

impl Told {
    pub(crate) fn at(&self, level: &str) -> String {
        let Told { verb, resource, user, stage, code } = self;
        let request = r#""requestObject":{"kind":"Pod","metadata":{"name":"web"}},"#;
        let response = r#""responseObject":{"kind":"Pod","status":{}},"#;
        let (request, response) = match level {
            "RequestResponse" => (request, response),
            "Request" => (request, ""),
            _ => ("", ""),
        };
        format!(
            r#"{{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"{level}","auditID":"7d5a","stage":"{stage}","#
        ) + &format!(
            r#""requestURI":"/api/v1/namespaces/shop/{resource}","verb":"{verb}","user":{{"username":"{user}"}},"#
        ) + &format!(r#""objectRef":{{"resource":"{resource}","namespace":"shop","apiVersion":"v1"}},"#)
            + &format!(
                r#""responseStatus":{{"metadata":{{}},"code":{code}}},{request}{response}"annotations":{{"a/b":"c"}}}}"#
            )
    }

    pub(crate) fn whole(&self) -> String {
        self.at("RequestResponse")
    }
}
