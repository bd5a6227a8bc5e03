//! `status`: asks every service and shows what they say.
//!
//! Promise: a service that does not answer is named, with its address; it never hides what the others say.

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::anyhow;
use chassis::Configuration;
use proto::Caller;
use proto::v1::{ServiceStatus, StatusRequest};
use serde_json::json;

use crate::account::rows;
use crate::cli::Status;
use crate::data::Data;
use crate::exit::Failure;
use crate::look::look;
use crate::{layout, say};

/// How long a service may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// How often `--watch` looks.
const PERIOD: Duration = Duration::from_secs(2);

/// Where to ask.
#[derive(Debug)]
pub(crate) struct Address {
    url: String,
    /// The service that the configuration puts there.
    service: Option<&'static str>,
}

/// What was found out.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) services: Vec<ServiceStatus>,
    /// Who does not answer, and why.
    pub(crate) silent: Vec<String>,
}

/// Exit 0 when a service answered, 1 when none did.
///
/// # Errors
/// When no service answers, or the configuration is bad.
pub(crate) fn status(arguments: &Status) -> Result<ExitCode, Failure> {
    let caller = caller(arguments)?;
    let addresses = addresses(arguments, caller.scheme())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        loop {
            let found = ask_all(&caller, &addresses).await;
            match show(arguments, &found) {
                Err(error) if say::is_enough(&error) => return Ok(ExitCode::SUCCESS),
                shown => shown?,
            }
            if !arguments.watch {
                return if found.services.is_empty() {
                    Err(nobody(&addresses))
                } else {
                    Ok(ExitCode::SUCCESS)
                };
            }
            tokio::time::sleep(PERIOD).await;
        }
    })
}

/// What the services say that run where `arguments` would look for them; nothing where none does.
pub(crate) async fn running(arguments: &Status) -> Vec<ServiceStatus> {
    let Ok(caller) = caller(arguments) else { return Vec::new() };
    match addresses(arguments, caller.scheme()) {
        Ok(addresses) => ask_all(&caller, &addresses).await.services,
        Err(_) => Vec::new(),
    }
}

/// How services are called that belong to `arguments`.
///
/// # Errors
/// When the configuration or a certificate is wrong.
pub(crate) fn caller(arguments: &Status) -> Result<Caller, Failure> {
    arguments.credentials.caller(arguments.config.as_deref(), arguments.address.is_empty())
}

/// Where services may answer that belong to `arguments`, and the running `up` of its data directory.
///
/// # Errors
/// When the configuration is bad.
pub(crate) fn places(arguments: &Status, scheme: &str) -> Result<Vec<String>, Failure> {
    let mut urls: Vec<String> =
        addresses(arguments, scheme)?.into_iter().map(|address| address.url).collect();
    if arguments.address.is_empty() {
        let named = std::fs::read_to_string(Data::in_directory(&arguments.data).address());
        urls.extend(named.into_iter().map(|named| Address::named(named.trim(), scheme).url));
    }
    let mut seen = std::collections::BTreeSet::new();
    urls.retain(|url| seen.insert(url.clone()));
    Ok(urls)
}

/// What went wrong with a call, in a few words.
pub(crate) fn why(status: &(impl std::error::Error + 'static), message: &str) -> String {
    status.source().map_or_else(|| message.to_owned(), innermost)
}

fn nobody(addresses: &[Address]) -> Failure {
    let addresses: Vec<&str> = addresses.iter().map(|address| address.url.as_str()).collect();
    Failure::Failed(anyhow!(
        "no service answers at {}; is one running? name its gRPC address with --address, or its --config",
        addresses.join(", ")
    ))
}

/// The addresses to ask: those given; that of a running `up`; those of the configuration, or its defaults.
///
/// # Errors
/// When the configuration is bad.
pub(crate) fn addresses(arguments: &Status, scheme: &str) -> Result<Vec<Address>, Failure> {
    if !arguments.address.is_empty() {
        return Ok(arguments.address.iter().map(|address| Address::named(address, scheme)).collect());
    }
    let named = std::fs::read_to_string(Data::in_directory(&arguments.data).address());
    if let (Ok(named), None) = (named, &arguments.config) {
        return Ok(vec![Address::named(named.trim(), scheme)]);
    }
    let environment = chassis::config::environment().map_err(Failure::usage)?;
    configured(arguments, environment, scheme).map_err(Failure::usage)
}

impl Address {
    /// `host:port` means `http://host:port`, or `https://` where certificates are shown.
    fn named(address: &str, scheme: &str) -> Address {
        let url = if address.contains("://") { address.to_owned() } else { format!("{scheme}://{address}") };
        Address { url, service: None }
    }
}

fn configured(
    arguments: &Status,
    environment: Vec<(String, String)>,
    scheme: &str,
) -> Result<Vec<Address>, chassis::ConfigError> {
    let configuration = Configuration::read(arguments.config.as_deref(), environment)?;
    let listens = [
        ("shipper", configuration.section::<shipper::Config>()?.listen),
        ("router", configuration.section::<router::Config>()?.listen),
        ("collector", configuration.section::<collector::Config>()?.listen),
        ("insight", configuration.section::<insight::Config>()?.listen),
    ];
    let url = |address| format!("{scheme}://{address}");
    Ok(listens.map(|(service, address)| Address { url: url(address), service: Some(service) }).into())
}

/// A replica to ask, or why it cannot be.
struct Place<'a> {
    address: &'a Address,
    caller: Result<(Caller, String), String>,
}

/// Asks everywhere, each replica where a name leads to several. A service that runs in one process with another speaks
/// through it, and is not missing where the configuration would put it alone.
pub(crate) async fn ask_all(caller: &Caller, addresses: &[Address]) -> Found {
    let mut places = Vec::new();
    for address in addresses {
        match caller.each(&address.url).await {
            Err(why) => places.push(Place { address, caller: Err(why.to_string()) }),
            Ok(each) => places.extend(each.into_iter().map(|one| Place { address, caller: Ok(one) })),
        }
    }
    let may_ship = |place: &Place<'_>| place.address.service.is_none_or(|service| service == "shipper");
    let answers = look(&places, may_ship, async |place| match &place.caller {
        Ok((caller, words)) => ask(caller, &place.address.url).await.map_err(|why| format!("{words}: {why}")),
        Err(why) => Err(why.clone()),
    });
    let (mut services, mut silent) = (Vec::new(), Vec::new());
    for (place, answer) in places.iter().zip(answers.await) {
        match answer {
            Ok(answered) => services.extend(answered),
            Err(why) => silent.push((place.address.service, why)),
        }
    }
    let spoke = |name: &str| services.iter().any(|service: &ServiceStatus| service.service == name);
    silent.retain(|(service, _)| !service.is_some_and(spoke));
    let silent = silent.into_iter().map(|(_, why)| why).collect();
    Found { services, silent }
}

async fn ask(caller: &Caller, address: &str) -> anyhow::Result<Vec<ServiceStatus>> {
    let mut admin = caller.admin(address)?;
    let reply = tokio::time::timeout(PATIENCE, admin.status(StatusRequest {})).await;
    let reply = reply.map_err(|_| anyhow!("no answer within {} s", PATIENCE.as_secs()))?;
    let reply = reply.map_err(|status| match std::error::Error::source(&status) {
        Some(cause) => anyhow!(innermost(cause)),
        None => anyhow!("{}", status.message()),
    });
    Ok(reply?.into_inner().services)
}

/// The last of an error's causes: `connection refused` says more than that a transport failed.
fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    std::iter::successors(Some(error), |error| error.source())
        .last()
        .map(ToString::to_string)
        .unwrap_or_default()
}

fn show(arguments: &Status, found: &Found) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    let text =
        if arguments.json { json(arguments, found)? } else { layout::page(&found.services, &found.silent) };
    say::written(out.write_all(text.as_bytes()).and_then(|()| out.flush()))
}

/// One object; on one line with `--watch`.
fn json(arguments: &Status, found: &Found) -> anyhow::Result<String> {
    let all = json!({
        "services": found.services,
        "account": rows(&found.services),
        "not_reachable": found.silent,
    });
    Ok(if arguments.watch { all.to_string() } else { serde_json::to_string_pretty(&all)? } + "\n")
}
