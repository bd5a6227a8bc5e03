//! The rules in force, and what puts others in their place.
//!
//! Promises: rules are replaced as a whole, between two batches; what cannot be loaded replaces nothing, and is told
//! until it is mended; a destination that lost its last route is still told what it does not get.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::config::Config;
use crate::elevation::Elevations;
use crate::error::StartError;
use crate::policy_file::PolicyFile;
use crate::rules::Rules;

/// Reads the section `router:` again; what is wrong with it comes with its place, in words.
pub type ReadSection = Arc<dyn Fn() -> Result<Config, String> + Send + Sync>;

/// What decides batches.
pub(crate) struct InForce {
    current: Mutex<Current>,
    watched: Mutex<Watched>,
    /// More detail for some time, whatever the policies say.
    pub(crate) elevations: Elevations,
}

/// The rules, and what is to be told of them.
#[derive(Clone)]
pub(crate) struct Current {
    pub(crate) rules: Arc<Rules>,
    /// Why the newest ones are not in force.
    pub(crate) problem: Option<String>,
    /// The policy came by a call.
    pub(crate) set_by_hand: bool,
    /// Settings that were changed and hold from the next start on.
    pub(crate) waiting: Vec<&'static str>,
}

struct Watched {
    read: ReadSection,
    file: Option<PathBuf>,
    /// As the process started; what is not reloaded is compared with it.
    started: Config,
    /// What was read last, in force or not: its policies are watched too.
    newest: Config,
    seen: u64,
}

impl InForce {
    /// The rules of `config`, whose policies are watched.
    pub(crate) fn start(config: &Config, rules: Rules) -> Self {
        let current =
            Current { rules: Arc::new(rules), problem: None, set_by_hand: false, waiting: Vec::new() };
        let unchanged = config.clone();
        let watched = Watched {
            read: Arc::new(move || Ok(unchanged.clone())),
            file: None,
            seen: fingerprint(None, config),
            started: config.clone(),
            newest: config.clone(),
        };
        InForce {
            current: Mutex::new(current),
            watched: Mutex::new(watched),
            elevations: Elevations::default(),
        }
    }

    /// Also watches the file with the section.
    pub(crate) fn read_from(&self, file: Option<PathBuf>, read: ReadSection) {
        let mut watched = self.watched();
        watched.seen = fingerprint(file.as_deref(), &watched.newest);
        (watched.file, watched.read) = (file, read);
    }

    /// What is in force now; a batch keeps it to its end.
    pub(crate) fn now(&self) -> Current {
        self.current.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Loads what changed since the last time, or all of it when `asked`. Blocks on the disk.
    pub(crate) fn reload(&self, asked: bool) {
        let mut watched = self.watched();
        let seen = fingerprint(watched.file.as_deref(), &watched.newest);
        if seen == watched.seen && !asked {
            return;
        }
        let loaded = self.load(&mut watched);
        // As it was before the files were read: what changed meanwhile, or is named now, is looked at again.
        watched.seen = seen;
        self.settle(loaded, &watched);
    }

    fn load(&self, watched: &mut Watched) -> Result<Rules, String> {
        watched.newest = (watched.read)()?;
        watched
            .newest
            .check()
            .map_err(|invalid| format!("section `router`: `{}`: {}", invalid.key, invalid.why))?;
        let old = self.now().rules;
        Rules::load(&watched.newest, Some(&old)).map_err(|error| error.to_string())
    }

    fn settle(&self, loaded: Result<Rules, String>, watched: &Watched) {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        match loaded {
            Ok(rules) => {
                if rules.redacts() && !current.rules.redacts() {
                    rules.keys.tell_if_made();
                }
                let waiting = watched.newest.waits_for_restart(&watched.started);
                tracing::info!(policy = rules.hash(), "the rules were loaded again and are in force");
                *current = Current { rules: Arc::new(rules), problem: None, set_by_hand: false, waiting };
            }
            Err(problem) => {
                tracing::error!("the rules stay as they were: {problem}");
                current.problem = Some(problem);
            }
        }
    }

    /// Puts a policy (none: everything is kept) in the place of the one of all routes.
    ///
    /// # Errors
    /// A policy that kube-apiserver refuses.
    pub(crate) fn set_policy(&self, text: &str) -> Result<Current, StartError> {
        let policy = match text.trim() {
            "" => None,
            _ => Some(Arc::new(PolicyFile::parse(Path::new("Router.SetPolicy"), text.to_owned())?)),
        };
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let rules = Rules { policy, ..Rules::clone(&current.rules) };
        tracing::warn!(policy = rules.hash(), "a policy was set by a call; it holds until a file changes");
        (current.rules, current.set_by_hand) = (Arc::new(rules), true);
        Ok(current.clone())
    }

    fn watched(&self) -> MutexGuard<'_, Watched> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Of the content of every file that the rules come from; files that cannot be read are part of it. Not of their
/// times, which say nothing where files are links that are replaced.
fn fingerprint(file: Option<&Path>, config: &Config) -> u64 {
    let mut hasher = DefaultHasher::new();
    let policies = config.policy.iter().chain(config.routes.iter().filter_map(|route| route.policy.as_ref()));
    let named = policies.chain(&config.redact_key_file).map(PathBuf::as_path);
    for path in file.into_iter().chain(named) {
        path.hash(&mut hasher);
        crate::policy_file::read(path).map_err(|error| error.kind()).hash(&mut hasher);
    }
    hasher.finish()
}
