//! How a command reaches the lake that `--lake` names, where that is a bucket.
//!
//! Promise: no credential is a flag, only the file that holds it.

use std::path::PathBuf;

use lake::Location;

/// The flags that go with `--lake`.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct Reach {
    /// With a bucket: `https://host:port` of another service that speaks its protocol. Default: that of the cloud's
    /// variables, or the cloud's own.
    #[arg(long, value_name = "URL", requires = "lake")]
    pub(crate) lake_endpoint: Option<String>,
    /// With a bucket of S3: its region. Default: that of the cloud's variables.
    #[arg(long, value_name = "REGION", requires = "lake")]
    pub(crate) lake_region: Option<String>,
    /// With a bucket: file that holds its credentials. Default: those of the cloud's variables, or the machine's own
    /// identity.
    #[arg(long, value_name = "FILE", requires = "lake")]
    pub(crate) lake_credentials_file: Option<PathBuf>,
}

impl Reach {
    /// The lake at this address, reached in this way.
    pub(crate) fn to(&self, url: &str) -> Location {
        Location {
            url: url.to_owned(),
            endpoint: self.lake_endpoint.clone(),
            region: self.lake_region.clone(),
            credentials_file: self.lake_credentials_file.clone(),
        }
    }
}

impl From<Location> for Reach {
    fn from(location: Location) -> Reach {
        Reach {
            lake_endpoint: location.endpoint,
            lake_region: location.region,
            lake_credentials_file: location.credentials_file,
        }
    }
}
