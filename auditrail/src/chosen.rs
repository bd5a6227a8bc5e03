//! Which requests a command tells: the flags of every report that asks by user, object and verb.
//!
//! Promise: the same flag means the same in every command.

use insight::Filter;

/// The flags.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct Chosen {
    /// Only of this user or service account; `*` stands for any text, here and below.
    #[arg(long, value_name = "USER")]
    pub(crate) user: Option<String>,
    /// Only in this namespace.
    #[arg(short, long, value_name = "NAMESPACE")]
    pub(crate) namespace: Option<String>,
    /// Only with this verb.
    #[arg(long, value_name = "VERB")]
    pub(crate) verb: Option<String>,
    /// Only for this resource: `pods`, `pods/log`, `deployments.apps`.
    #[arg(long, value_name = "RESOURCE")]
    pub(crate) resource: Option<String>,
    /// Only for objects of this name.
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
}

impl Chosen {
    /// What insight is asked.
    pub(crate) fn filter(&self) -> Filter {
        let Chosen { user, namespace, verb, resource, name } = self.clone();
        Filter { user, namespace, verb, resource, name }
    }
}
