//! The promises, end to end. Each spec is a sentence; most are run in both layouts.

#![allow(clippy::unwrap_used)]

mod architecture;
mod canary;
mod command_line;
mod destinations;
mod documents;
mod hands;
#[cfg(unix)]
mod hang_up;
#[cfg(unix)]
mod health;
mod lines;
mod manifests;
mod metrics;
mod monitoring;
mod nothing_is_lost;
mod policy;
mod published_defects;
mod refusals;
mod replay;
#[cfg(unix)]
mod rights;
#[cfg(unix)]
mod rolling;
mod rotation;
mod router;
mod shutdown;
mod tap;
#[cfg(target_os = "linux")]
mod tls;
mod torture;
#[cfg(unix)]
mod traces;
mod upgrade;
