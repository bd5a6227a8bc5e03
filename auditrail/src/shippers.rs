//! The shippers that operators' commands talk to.
//!
//! Promise: they are found where `status` finds them; a command that changes something never guesses between two.

use std::path::PathBuf;

use anyhow::anyhow;
use clap::ValueEnum;
use proto::ShipperCaller;
use proto::v1::DestinationsRequest;
use tokio::runtime::Runtime;

use crate::cli::Status;
use crate::credentials::Credentials;
use crate::exit::Failure;
use crate::status;

/// Where shippers are.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct Where {
    /// The gRPC address of a shipper, or of `up`; may be given several times.
    #[arg(long, visible_alias = "admin", value_name = "HOST:PORT", global = true)]
    pub address: Vec<String>,
    /// The configuration file, for the services' addresses and directories.
    #[arg(long, value_name = "FILE", global = true)]
    pub config: Option<PathBuf>,
    /// The data directory of `up`, for its address.
    #[arg(long, value_name = "DIR", default_value = crate::data::DEFAULT, global = true)]
    pub data: PathBuf,
    /// The certificates to show.
    #[command(flatten)]
    pub credentials: Credentials,
}

/// How results are printed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// For people.
    #[default]
    Table,
    /// For programs.
    Json,
}

/// Shippers that answer, with a runtime to ask them on.
pub(crate) struct Shippers {
    pub(crate) each: Vec<ShipperCaller>,
    runtime: Runtime,
}

impl Where {
    /// All shippers that answer; none when none does, with the reasons.
    pub(crate) fn ask(&self) -> Result<Result<Shippers, String>, Failure> {
        let (address, config, data) = (self.address.clone(), self.config.clone(), self.data.clone());
        let credentials = self.credentials.clone();
        let asking = Status { json: false, watch: false, address, config, data, credentials };
        let calling = status::caller(&asking)?;
        let urls = status::places(&asking, calling.scheme())?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (mut each, mut silent) = (Vec::new(), Vec::new());
        for url in urls {
            let caller = {
                let _on_it = runtime.enter(); // a connection needs one
                calling.shipper(&url).map_err(Failure::usage)?
            };
            let mut asked = caller.clone();
            match runtime.block_on(asked.destinations(DestinationsRequest {})) {
                Ok(_) => each.push(caller),
                Err(error) => silent.push(format!("{url}: {}", status::why(&error, error.message()))),
            }
        }
        Ok(if each.is_empty() { Err(silent.join("; ")) } else { Ok(Shippers { each, runtime }) })
    }

    /// The shippers that answer.
    ///
    /// # Errors
    /// When none does.
    pub(crate) fn shippers(&self) -> Result<Shippers, Failure> {
        self.ask()?.map_err(|silent| {
            let advice = "is one running? name its gRPC address with --address, its --config or its --data";
            Failure::Failed(anyhow!("no shipper answers ({silent}); {advice}"))
        })
    }

    /// The one shipper that answers.
    ///
    /// # Errors
    /// When none does, or several.
    pub(crate) fn one(&self) -> Result<(Shippers, ShipperCaller), Failure> {
        let shippers = self.shippers()?;
        match shippers.each.as_slice() {
            [one] => Ok((Shippers { each: Vec::new(), runtime: shippers.runtime }, one.clone())),
            several => {
                let count = several.len();
                Err(Failure::usage(anyhow!(
                    "{count} shippers answer: name the one that is meant with --address"
                )))
            }
        }
    }
}

impl Shippers {
    /// What a call comes to.
    ///
    /// # Errors
    /// What the shipper says, in its words.
    pub(crate) fn call<T, E: std::error::Error + 'static>(
        &self,
        call: impl Future<Output = Result<T, E>>,
        words: impl Fn(&E) -> String,
    ) -> anyhow::Result<T> {
        self.runtime.block_on(call).map_err(|error| anyhow!(status::why(&error, &words(&error))))
    }
}

/// `$shippers.call($call)`, with the reply taken out and the words of a refusal.
macro_rules! ask {
    ($shippers:expr, $call:expr) => {
        $shippers.call($call, |status| status.message().to_owned()).map(|reply| reply.into_inner())
    };
}

pub(crate) use ask;
