//! Which requests a command tells: the flags of every report that asks by user, object and verb.
//!
//! Promise: the same flag means the same in every command; a command has only the flags for what its report keeps.

use insight::Filter;

/// The flags of every report.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct Requests {
    /// Only of this user or service account; `*` stands for any text, here and below. Where reports put all nodes
    /// together they are `system:node:*`.
    #[arg(long, value_name = "USER")]
    pub(crate) user: Option<String>,
    /// Only with this verb.
    #[arg(long, value_name = "VERB")]
    pub(crate) verb: Option<String>,
    /// Only for this resource: `pods`, `pods/log`, `deployments.apps`.
    #[arg(long, value_name = "RESOURCE")]
    pub(crate) resource: Option<String>,
}

/// The flags of reports that keep namespaces.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct Within {
    #[command(flatten)]
    pub(crate) requests: Requests,
    /// Only in this namespace.
    #[arg(short, long, value_name = "NAMESPACE")]
    pub(crate) namespace: Option<String>,
}

/// The flags of reports that keep names of objects too.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct Chosen {
    #[command(flatten)]
    pub(crate) within: Within,
    /// Only for objects of this name.
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
}

impl Requests {
    /// What insight is asked.
    pub(crate) fn filter(&self) -> Filter {
        let Requests { user, verb, resource } = self.clone();
        Filter { user, verb, resource, ..Filter::default() }
    }
}

impl Within {
    /// What insight is asked.
    pub(crate) fn filter(&self) -> Filter {
        Filter { namespace: self.namespace.clone(), ..self.requests.filter() }
    }
}

impl Chosen {
    /// What insight is asked.
    pub(crate) fn filter(&self) -> Filter {
        Filter { name: self.name.clone(), ..self.within.filter() }
    }

    /// The object that is asked for: its resource and its name.
    pub(crate) fn object(&mut self) -> (&mut Option<String>, &mut Option<String>) {
        (&mut self.within.requests.resource, &mut self.name)
    }
}
