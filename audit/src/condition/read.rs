//! A `match` as it is written, and from there to conditions that can be meant.
//!
//! Promise: every key that is not known, and every value that cannot be meant, is refused, naming the key.

use super::{Codes, Globs, Mapping, Match, Verdict, span};
use crate::policy::matching::{Conditions, GroupResources};
use crate::policy::{is_dns_subdomain, url_faults};
use crate::{Level, Stage};
use ipnet::IpNet;
use serde::Deserialize;
use std::net::IpAddr;

/// Why a `match` cannot be meant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("match: {key}: {why}")]
pub struct BadMatch {
    /// The key with the value that cannot be meant.
    pub key: &'static str,
    /// What is wrong with it, and what is allowed.
    pub why: String,
}

/// The keys of a `match`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[derive(Default)]
pub(super) struct Written {
    users: Vec<String>,
    user_groups: Vec<String>,
    verbs: Vec<String>,
    resources: Vec<Mapping<WrittenResources>>,
    namespaces: Vec<String>,
    #[serde(rename = "nonResourceURLs")]
    non_resource_urls: Vec<String>,
    stages: Vec<String>,
    levels: Vec<String>,
    codes: Vec<WrittenCode>,
    decision: Option<String>,
    slower_than: Option<String>,
    user_agents: Vec<String>,
    #[serde(rename = "sourceIPs")]
    source_ips: Vec<String>,
    not: Option<Box<Match>>,
}

/// One entry of `resources`.
#[derive(Debug, Deserialize, Default)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct WrittenResources {
    group: String,
    resources: Vec<String>,
    resource_names: Vec<String>,
}

/// A code may be written as a number.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum WrittenCode {
    Number(u16),
    Text(String),
}

impl TryFrom<Mapping<Written>> for Match {
    type Error = BadMatch;

    fn try_from(Mapping(written): Mapping<Written>) -> Result<Match, BadMatch> {
        let rule = conditions(&written)?;
        let level = |name: &String| {
            Level::from_name(name.as_bytes()).ok_or_else(|| {
                bad("levels", format!("{name:?} is none of Metadata, Request, RequestResponse"))
            })
        };
        let stage = |name: &String| {
            Stage::from_name(name.as_bytes()).ok_or_else(|| {
                let known = "RequestReceived, ResponseStarted, ResponseComplete, Panic";
                bad("stages", format!("{name:?} is none of {known}"))
            })
        };
        let network = |text: &String| network(text).ok_or_else(|| bad("sourceIPs", no_network(text)));
        Ok(Match {
            rule,
            stages: written.stages.iter().map(stage).collect::<Result<_, _>>()?,
            levels: written.levels.iter().map(level).collect::<Result<_, _>>()?,
            codes: codes(&written.codes)?,
            decision: written.decision.map(|text| decision(&text)).transpose()?,
            slower_than_micros: written.slower_than.map(|text| slower_than(&text)).transpose()?,
            user_agents: user_agents(&written.user_agents)?,
            source_ips: written.source_ips.iter().map(network).collect::<Result<_, _>>()?,
            not: written.not,
        })
    }
}

fn bad(key: &'static str, why: String) -> BadMatch {
    BadMatch { key, why }
}

fn conditions(written: &Written) -> Result<Conditions, BadMatch> {
    if let Some(fault) =
        written.non_resource_urls.iter().find_map(|url| Some(format!("{url:?}: {}", url_faults(url).next()?)))
    {
        return Err(bad("nonResourceURLs", fault));
    }
    let about_resources = !written.resources.is_empty() || !written.namespaces.is_empty();
    if about_resources && !written.non_resource_urls.is_empty() {
        return Err(bad(
            "nonResourceURLs",
            "cannot be combined with resources or namespaces: no request is both".to_owned(),
        ));
    }
    Ok(Conditions {
        users: written.users.clone(),
        user_groups: written.user_groups.clone(),
        verbs: written.verbs.clone(),
        resources: written.resources.iter().map(resources).collect::<Result<_, _>>()?,
        namespaces: written.namespaces.clone(),
        non_resource_urls: written.non_resource_urls.clone(),
    })
}

fn resources(Mapping(entry): &Mapping<WrittenResources>) -> Result<GroupResources, BadMatch> {
    let group = &entry.group;
    if !(group.is_empty() || group == "*" || is_dns_subdomain(group)) {
        return Err(bad(
            "resources",
            format!("group {group:?} is no API group; it has no version and no upper case"),
        ));
    }
    if entry.resources.is_empty() && !entry.resource_names.is_empty() {
        return Err(bad("resources", "resourceNames needs at least one of resources".to_owned()));
    }
    Ok(GroupResources {
        group: group.clone(),
        resources: entry.resources.clone(),
        resource_names: entry.resource_names.clone(),
    })
}

fn codes(written: &[WrittenCode]) -> Result<Codes, BadMatch> {
    let mut codes = Codes::default();
    for code in written {
        let text = match code {
            WrittenCode::Number(number) => number.to_string(),
            WrittenCode::Text(text) => text.clone(),
        };
        if !codes.add(&text) {
            return Err(bad(
                "codes",
                format!("{text:?} is neither a status code, nor like `4xx`, `>=500` or `400-404`"),
            ));
        }
    }
    Ok(codes)
}

fn decision(text: &str) -> Result<Verdict, BadMatch> {
    match text {
        "allow" => Ok(Verdict::Allow),
        "forbid" => Ok(Verdict::Forbid),
        _ => Err(bad("decision", format!("{text:?} is neither `allow` nor `forbid`"))),
    }
}

fn slower_than(text: &str) -> Result<i64, BadMatch> {
    span::micros(text)
        .ok_or_else(|| bad("slowerThan", format!("{text:?} is no duration such as `500ms` or `1s`")))
}

fn user_agents(globs: &[String]) -> Result<Option<Globs>, BadMatch> {
    if globs.is_empty() {
        return Ok(None);
    }
    Globs::compile(globs).map(Some).map_err(|why| bad("userAgents", why))
}

/// A network, or a single address.
fn network(text: &str) -> Option<IpNet> {
    text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
}

fn no_network(text: &str) -> String {
    format!("{text:?} is neither an address nor a network such as `10.0.0.0/8`")
}
