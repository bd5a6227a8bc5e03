//! Section `tls:`: services that know each other by certificates.
//!
//! Promises: files that do not fit together are refused before a port is bound; later they are looked at every two
//! seconds, also behind links that are moved, and what cannot be used leaves the last good ones in use and is said;
//! keys are never printed; only TLS 1.2 and 1.3; gRPC has no caller without a certificate.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock, Weak};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls::{ClientConfig, ServerConfig};
use serde::{Deserialize, Serialize};

use crate::config::{ConfigError, Configuration, Invalid, Section};
use crate::metrics::{self, Gauge};

mod certificate;
mod files;

pub use certificate::names;
use files::{Files, Ready};

/// Distance between two looks at the files.
const LOOK: Duration = Duration::from_secs(2);

/// Section `tls:`. Absent: services speak in plain text.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Tls {
    /// The certificate that is shown to callers and to whom is called, with those between it and its authority; PEM.
    pub certificate: PathBuf,
    /// Its key, in PEM.
    pub key: PathBuf,
    /// The authorities that certificates of others must come from, in PEM.
    pub authority: PathBuf,
    /// Who may do what.
    pub roles: Roles,
}

/// Names of certificates (DNS names or common names) by what their holders may do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Roles {
    /// May send batches.
    pub push: Vec<String>,
    /// May make every call of operators.
    pub admin: Vec<String>,
    /// May ask for the status.
    pub read: Vec<String>,
}

impl Section for Tls {
    const NAME: &'static str = "tls";

    fn validate(&self) -> Result<(), Invalid> {
        let files = [("certificate", &self.certificate), ("key", &self.key), ("authority", &self.authority)];
        for (key, path) in files {
            if path.as_os_str().is_empty() {
                let why =
                    "is missing: name certificate, key and authority, each a file in PEM; or remove `tls`";
                return Err(Invalid::new(key, why));
            }
        }
        let roles = [("push", &self.roles.push), ("admin", &self.roles.admin), ("read", &self.roles.read)];
        for (role, names) in roles {
            if let Some(index) = names.iter().position(|name| name.is_empty() || name.contains('*')) {
                let why = "is no name: write a DNS name or the common name of a certificate, without `*`";
                return Err(Invalid::new(format!("roles.{role}.{index}"), why));
            }
        }
        Ok(())
    }
}

impl Tls {
    /// The section, where the configuration has one.
    ///
    /// # Errors
    /// What is wrong in it.
    pub fn of(configuration: &Configuration) -> Result<Option<Tls>, ConfigError> {
        configuration.has(Tls::NAME).then(|| configuration.section()).transpose()
    }
}

/// How a caller is answered now.
pub type Serving = Arc<dyn Fn() -> Arc<ServerConfig> + Send + Sync>;
/// How others are called now.
pub type Calling = Arc<dyn Fn() -> Arc<ClientConfig> + Send + Sync>;
/// What is wrong with the certificates now, and what to do.
pub type Problems = Arc<dyn Fn() -> Vec<String> + Send + Sync>;
/// All that the gRPC side needs: see `proto::Tls`. The names are those that may push, administer and read.
pub type Parts = (Serving, Calling, Problems, fn(&[u8]) -> Vec<String>, [Vec<String>; 3]);

/// The certificates of this process, as its files were when they were good last.
pub struct Certificates {
    settings: Tls,
    expiry: Option<Gauge>,
    now: RwLock<State>,
}

struct State {
    files: Files,
    ready: Ready,
    problem: Option<String>,
}

/// Reads the certificates of a service where its configuration has a section `tls`, and keeps them current for as
/// long as they are used. `metric` is the name under which their end is told. Must be called on a runtime.
///
/// # Errors
/// When the section is wrong, or its files are.
pub fn start(
    configuration: Option<&Configuration>,
    metric: &'static str,
) -> Result<Option<Arc<Certificates>>, ConfigError> {
    let Some(settings) = configuration.map(Tls::of).transpose()?.flatten() else { return Ok(None) };
    let certificates = Certificates::open(&settings, Some(expiry(metric))).map_err(ConfigError::Other)?;
    certificates.problems().iter().for_each(|problem| tracing::warn!("{problem}"));
    tokio::spawn(keep_current(Arc::downgrade(&certificates)));
    Ok(Some(certificates))
}

/// The metric that says when the certificate of this process ends, under `name`.
pub fn expiry(name: &'static str) -> Gauge {
    metrics::gauge(name, "When the certificate of this process ends, in seconds since 1970.")
}

async fn keep_current(certificates: Weak<Certificates>) {
    loop {
        tokio::time::sleep(LOOK).await;
        let Some(certificates) = certificates.upgrade() else { return };
        // A look that panics is a mistake in the program; the certificates in use stay.
        let _ = tokio::task::spawn_blocking(move || certificates.look()).await;
    }
}

impl Certificates {
    /// Reads the files. Blocking.
    ///
    /// # Errors
    /// Which file is wrong, why, and what to do.
    pub fn open(settings: &Tls, expiry: Option<Gauge>) -> Result<Arc<Certificates>, String> {
        let files = Files::read(settings)?;
        let ready = files.ready(settings)?;
        let state = State { files, ready, problem: None };
        let certificates = Certificates { settings: settings.clone(), expiry, now: RwLock::new(state) };
        certificates.tell();
        Ok(Arc::new(certificates))
    }

    /// What the gRPC side needs.
    #[must_use]
    pub fn parts(self: &Arc<Self>) -> Parts {
        let (serving, calling, told) = (Arc::clone(self), Arc::clone(self), Arc::clone(self));
        let Roles { push, admin, read } = self.settings.roles.clone();
        (
            Arc::new(move || Arc::clone(&serving.state().ready.serving)),
            Arc::new(move || Arc::clone(&calling.state().ready.calling)),
            Arc::new(move || told.problems()),
            names,
            [push, admin, read],
        )
    }

    /// How browsers and probes are answered now: HTTP/1.1, also where they show no certificate.
    pub(crate) fn browsing(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.state().ready.browsing)
    }

    /// Who may read: the names in the roles `read` and `admin`.
    #[must_use]
    pub fn readers(&self) -> Vec<String> {
        let Roles { admin, read, .. } = &self.settings.roles;
        read.iter().chain(admin).cloned().collect()
    }

    /// The names of the certificate in use.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.state().ready.names.clone()
    }

    /// What is wrong, and what to do about it; empty when all is well.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let state = self.state();
        let lifetimes = [("certificate", state.ready.lifetime), ("authority", state.ready.authority)];
        let paths = [&self.settings.certificate, &self.settings.authority];
        let ends = lifetimes.into_iter().zip(paths).filter_map(|((what, lifetime), path)| {
            let ends = lifetime.problem(now())?;
            Some(format!("tls.{what} {} {ends}; renew it: it is read again without a start", path.display()))
        });
        state.problem.iter().cloned().chain(ends).collect()
    }

    /// Whether others take the certificate now, as far as time goes.
    #[must_use]
    pub fn is_valid_now(&self) -> bool {
        let (state, now) = (self.state(), now());
        let holds = |lifetime: certificate::Lifetime| lifetime.from <= now && now <= lifetime.until;
        holds(state.ready.lifetime) && holds(state.ready.authority)
    }

    /// For how long the certificate still holds, in words.
    #[must_use]
    pub fn holds(&self) -> String {
        self.state().ready.lifetime.left(now())
    }

    /// Reads the files again, and uses them when they changed and are good. Blocking.
    pub fn look(&self) {
        let read = Files::read(&self.settings);
        if read.as_ref().is_ok_and(|files| *files == self.state().files) {
            self.now.write().unwrap_or_else(PoisonError::into_inner).problem = None;
            return;
        }
        let made = read.and_then(|files| files.ready(&self.settings).map(|ready| (files, ready)));
        let mut state = self.now.write().unwrap_or_else(PoisonError::into_inner);
        match made {
            Ok((files, ready)) => {
                tracing::info!(names = ?ready.names, "certificates changed; new connections use the new ones");
                *state = State { files, ready, problem: None };
            }
            Err(why) => {
                let problem = format!("the certificates from before stay in use: {why}");
                if state.problem.as_ref() != Some(&problem) {
                    tracing::warn!("{problem}");
                }
                state.problem = Some(problem);
            }
        }
        drop(state);
        self.tell();
    }

    fn tell(&self) {
        if let Some(gauge) = &self.expiry {
            gauge.set(self.state().ready.lifetime.until);
        }
    }

    fn state(&self) -> std::sync::RwLockReadGuard<'_, State> {
        self.now.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Certificates {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Certificates").field("settings", &self.settings).finish_non_exhaustive()
    }
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
