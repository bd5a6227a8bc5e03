//! The certificates that operators' commands show to services.
//!
//! Promise: where services want certificates, those of the configuration or of the flags are shown, and the name in
//! the service's certificate is verified; a command never falls back to plain text.

use std::path::{Path, PathBuf};

use chassis::Configuration;
use chassis::tls::{Certificates, Tls};
use proto::Caller;

use crate::exit::Failure;

/// What is shown to services, and expected of them.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Credentials {
    /// The certificate to show, in PEM. Default: that of the configuration's section `tls`.
    #[arg(long, value_name = "FILE", global = true)]
    tls_certificate: Option<PathBuf>,
    /// Its key, in PEM.
    #[arg(long, value_name = "FILE", global = true)]
    tls_key: Option<PathBuf>,
    /// The authority that the services' certificates come from, in PEM.
    #[arg(long, value_name = "FILE", global = true)]
    tls_authority: Option<PathBuf>,
    /// The name that has to be in a service's certificate, where that is not the host of its address.
    #[arg(long, value_name = "NAME", global = true)]
    tls_name: Option<String>,
}

impl Credentials {
    /// How services are called; `at_home` when they are those of the configuration, which show its certificate.
    ///
    /// # Errors
    /// When the configuration or a certificate is wrong.
    pub(crate) fn caller(&self, config: Option<&Path>, at_home: bool) -> Result<Caller, Failure> {
        let environment = chassis::config::environment().map_err(Failure::usage)?;
        let configuration = Configuration::read(config, environment).map_err(Failure::usage)?;
        let section = Tls::of(&configuration).map_err(Failure::usage)?;
        let flags = [&self.tls_certificate, &self.tls_key, &self.tls_authority];
        let configured = section.is_some();
        if !configured && flags.iter().all(|flag| flag.is_none()) {
            return Ok(Caller::default());
        }
        let mut tls = section.unwrap_or_default();
        for (file, flag) in [&mut tls.certificate, &mut tls.key, &mut tls.authority].into_iter().zip(flags) {
            *file = flag.clone().unwrap_or_else(|| std::mem::take(file));
            if file.as_os_str().is_empty() {
                let why = "--tls-certificate, --tls-key and --tls-authority go together, where the configuration names none";
                return Err(Failure::usage(anyhow::anyhow!(why)));
            }
        }
        let words = |why: String| Failure::usage(anyhow::anyhow!(why));
        let certificates = Certificates::open(&tls, None).map_err(words)?;
        let own = at_home && configured && self.tls_certificate.is_none();
        let own = own.then(|| certificates.names().into_iter().next()).flatten();
        let name = self.tls_name.clone().or(own);
        Ok(Caller::new(Some(certificates.parts().into())).named(name))
    }
}
