//! `demo`: the main job on a bundled real audit log, from an API server's writer to an intake's reader.
//!
//! Promise: what is shown was measured: the lines that the stand-in intake took are compared with the lines
//! that were written. Nothing is opened but a port of loopback for the stand-in, and nothing leaves the machine.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use chassis::{Service, Stop};

use crate::cli::{Demo, Up};
use crate::exit::Failure;
use crate::plan::Plan;
use crate::print;
use crate::say;
use crate::up::{drain, open, tell};

mod player;
mod stand_in;

use player::Player;
use stand_in::StandIn;

/// A real log of kube-apiserver v1.20.2 under a generated RBAC scenario: 4,119 events at Metadata.
const LOG: &[u8] = include_bytes!("../assets/demo.log.zst");

/// Long enough for the slowest machine; reached only when something is broken.
const GIVE_UP: Duration = Duration::from_secs(60);

/// Exit 0 when every line written arrived, once.
///
/// # Errors
/// When the directory cannot be made.
pub(crate) fn demo(arguments: &Demo) -> Result<ExitCode, Failure> {
    let directory = std::path::absolute(arguments.data.join("demo"))?;
    if directory.exists() {
        std::fs::remove_dir_all(&directory)
            .with_context(|| format!("`{}` cannot be made anew", directory.display()))?;
    }
    std::fs::create_dir_all(directory.join("log"))
        .with_context(|| format!("`{}` cannot be made", directory.display()))?;
    let service = Service::new("auditrail", env!("CARGO_PKG_VERSION"));
    let telemetry = chassis::telemetry::Telemetry { log: "warn".into(), ..Default::default() };
    Ok(chassis::run::supervise(&service, &telemetry, |stop| play(directory, stop)))
}

async fn play(directory: PathBuf, stop: Stop) -> anyhow::Result<()> {
    let lines = zstd::decode_all(LOG).context("the bundled log cannot be unpacked")?;
    let lines: Vec<&[u8]> = lines.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()).collect();
    let stand_in = StandIn::start().await?;
    say::result(&format!(
        "playing {} real audit events to {}\n",
        print::grouped(lines.len() as u64),
        directory.join("log").display()
    ))?;

    let log = directory.join("log").join("audit.log");
    let plan = plan(&directory, &log, &stand_in)?;
    let services = open(&plan).await?;
    let (following, delivering) = (Stop::new(), Stop::new());
    let delivery = tokio::spawn(services.shipper.run(delivering.clone()));
    let collector = tokio::spawn({
        let (collector, stop) = (services.collector.clone(), following.clone());
        async move { collector.run(stop).await }
    });
    let rotations = Player::new(&log)?.play(&lines, &stop).await?;
    following.request();
    collector.await??;
    services.shipper.hurry();
    drain(&services, GIVE_UP, &stop).await?;
    delivering.request();
    delivery.await?;

    tell(&services);
    let arrived = stand_in.compare(&lines)?;
    say::result(&format!("the log was rotated {rotations} times; the stand-in intake took {arrived}\n"))?;
    say::result(&look(&directory))
}

fn plan(directory: &Path, log: &Path, stand_in: &StandIn) -> anyhow::Result<Plan> {
    let up = Up {
        path: vec![log.to_path_buf()],
        to: vec![format!("datadog:{}", stand_in.url()), "lake".into()],
        data: directory.to_path_buf(),
        ..Up::default()
    };
    match Plan::of(&up, &[]) {
        Ok(plan) => Ok(plan),
        Err(Failure::Usage(error) | Failure::Failed(error)) => bail!(error),
    }
}

/// Where to look now.
fn look(directory: &Path) -> String {
    let (log, lake) = (directory.join("log"), directory.join("lake"));
    let (log, lake) = (log.display(), lake.display());
    format!(
        "look at the logs in      {log}\n\
         and at the lake in       {lake}\n\
         any Parquet tool reads it; with DuckDB, for example:\n  \
         select verb, code, count(*) from '{lake}/**/*.parquet' group by all order by 3 desc\n"
    )
}
