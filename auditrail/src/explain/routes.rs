//! Where an event goes from a router, route by route.
//!
//! Promise: the policy of all routes first, then the routes in order; a destination gets an event once, from the first
//! route that names it, matches and keeps the event, as the router decides it.

use std::path::Path;

use anyhow::Context;
use audit::{Attributes, Dropped, Event, Lowered, Match, Policy, lower};
use chassis::Configuration;

use crate::policy_file;

/// The routes of a configuration, ready to be asked.
pub(super) struct Routes(Vec<Route>);

struct Route {
    name: String,
    condition: Option<Match>,
    policy: Option<(String, Policy)>,
    to: Vec<String>,
}

/// What a route does with an event.
enum Fate {
    /// Its match does not hold.
    Passes,
    /// Its policy leaves the event out.
    Drops(String),
    /// It sends the event on.
    Takes(String),
}

impl Routes {
    /// The routes of a configuration file, and the policy that it has for all of them.
    ///
    /// # Errors
    /// When the file or a policy that it names is not good.
    pub(super) fn read(file: &Path) -> anyhow::Result<(Routes, Option<std::path::PathBuf>)> {
        let configuration = Configuration::read(Some(file), chassis::config::environment()?)?;
        let config: router::Config = configuration.section()?;
        let routes = config.routes.into_iter().map(|route| {
            let policy = route.policy.as_deref().map(|path| {
                let loaded = policy_file::check(path).with_context(|| format!("route `{}`", route.name))?;
                anyhow::Ok((policy_file::name(path), loaded.policy))
            });
            let (name, condition) = (route.name.clone(), route.condition.clone());
            let to = [route.to.clone(), route.best_effort.clone()].concat();
            Ok(Route { name, condition, policy: policy.transpose()?, to })
        });
        Ok((Routes(routes.collect::<anyhow::Result<_>>()?), config.policy))
    }

    /// A line per route, and where the event goes in the end. `decided` is what the policy of all routes left of it,
    /// or nothing.
    pub(super) fn explain(&self, decided: Option<&[u8]>) -> Vec<String> {
        let Some(event) = decided.and_then(|line| Event::scan(line).ok()) else {
            return vec!["goes nowhere: the policy does not write it".to_owned()];
        };
        let attributes = Attributes::of(&event);
        let (mut lines, mut reached) = (Vec::new(), Vec::new());
        for route in &self.0 {
            let (taken, said) = match route.fate(&event, &attributes) {
                Fate::Passes => (false, "does not match".to_owned()),
                Fate::Drops(why) => (false, format!("leaves it out: {why}")),
                Fate::Takes(form) => (true, form),
            };
            let news: Vec<&str> =
                route.to.iter().map(String::as_str).filter(|to| !reached.contains(to)).collect();
            let said = match (taken, news.is_empty()) {
                (false, _) => said,
                (true, true) => {
                    format!("{said}, to destinations that have it already: {}", route.to.join(", "))
                }
                (true, false) => format!("{said}, to {}", news.join(", ")),
            };
            lines.push(format!("route {}: {said}", route.name));
            if taken {
                reached.extend(news);
            }
        }
        lines.push(match reached.as_slice() {
            [] => "goes nowhere: no route takes it".to_owned(),
            reached => format!("goes to {}", reached.join(", ")),
        });
        lines
    }
}

impl Route {
    fn fate(&self, event: &Event<'_>, attributes: &Attributes<'_>) -> Fate {
        if self.condition.as_ref().is_some_and(|condition| !condition.matches(event, attributes)) {
            return Fate::Passes;
        }
        let Some((file, policy)) = &self.policy else { return Fate::Takes("takes it as it is".to_owned()) };
        let decision = policy.decide(attributes);
        let rule = match decision.rule {
            Some(rule) => format!("rule {rule} (line {})", policy.rule_line(rule).unwrap_or_default()),
            None => "no rule".to_owned(),
        };
        match lower(event, &decision, &mut Vec::new()) {
            Lowered::Dropped(Dropped::StageOmitted { stage, .. }) => {
                Fate::Drops(format!("{file} omits {stage}, {rule}"))
            }
            Lowered::Dropped(_) => Fate::Drops(format!("{rule} of {file}")),
            Lowered::Whole => Fate::Takes(format!("takes it as it is, {rule} of {file}")),
            Lowered::Spliced => {
                let level = event.level().min(decision.level);
                Fate::Takes(format!("takes it at level {level}, {rule} of {file}"))
            }
        }
    }
}
