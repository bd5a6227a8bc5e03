//! What every process of Auditrail stands on: configuration, logs, traces, metrics, health, listeners, secrets,
//! shutdown and exit codes.
//!
//! Promise: nothing here knows Kubernetes, queues or intakes, and a process that stands on it behaves like
//! every other one: it refuses a bad configuration before it opens a port, never prints a secret, stops within
//! its grace when asked, and ends with 0 (done), 1 (failed) or 64 (bad usage or configuration).
//!
//! The way through: [`run::run`] is the body of a service's `main`; it reads the [`config::Configuration`],
//! starts [`telemetry`], and hands the service its own [`config::Section`] and a [`stop::Stop`].

pub mod alive;
pub mod config;
pub mod datadog;
pub mod hang_up;
pub mod health;
pub mod http;
pub mod listen;
pub mod metrics;
pub mod run;
pub mod secret;
pub mod stop;
pub mod telemetry;
pub mod tls;
pub mod units;

mod signal;

pub use alive::Alive;
pub use config::{ConfigError, Configuration, Invalid, SECTIONS, Section};
pub use hang_up::HangUps;
pub use health::Ready;
pub use run::{Service, run};
pub use secret::{Revealed, Secret, SecretError};
pub use stop::Stop;
pub use units::{ByteSize, Span};
