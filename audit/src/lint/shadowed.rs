//! Rules that no request can reach.
//!
//! Promise: only what is proven is reported: the policy itself gave every request that could tell the rule from the
//! earlier ones to one of these; or, where those requests are too many to try, one earlier rule has no condition, or
//! the same or a wider one, wherever this one has a condition.

use super::reach::{Answer, Reach};
use super::{Findings, rules};
use crate::policy::matching::{Conditions, GroupResources};
use crate::policy::spec::PolicySpec;

/// How many rules a message names.
const SHOWN: usize = 5;

/// How many names are compared with others, for all rules together, where nobody knows better.
const MOST_COMPARED: usize = 5_000_000;

/// Compares every rule with all rules before it.
pub(super) fn check(
    spec: &PolicySpec,
    conditions: &[Conditions],
    reach: &Reach<'_>,
    findings: &mut Findings,
) {
    let mut compared = 0;
    for (index, rule) in rules(spec) {
        let earlier: Vec<usize> = match reach.rule(index) {
            // Nothing is taken from a rule that can match nothing by itself; other findings tell of that.
            Answer::Taken(earlier) => earlier.into_iter().collect(),
            Answer::Unknown => wider(conditions, index, &mut compared).into_iter().collect(),
            Answer::Reached => continue,
        };
        if earlier.is_empty() {
            continue;
        }
        let named: Vec<String> = earlier.iter().take(SHOWN).map(|earlier| named(*earlier, spec)).collect();
        let more = if earlier.len() > SHOWN { ", and others" } else { "" };
        let verb = if earlier.len() == 1 { "matches" } else { "together match" };
        let message = format!(
            "rules[{index}] is never reached: {}{more} {verb} every request that it matches",
            named.join(", ")
        );
        let fix = format!("move rules[{index}] before rules[{}], or remove it", earlier[0]);
        findings.warning("shadowed-rule", rule.place, Some(index), message, fix);
    }
}

fn named(index: usize, spec: &PolicySpec) -> String {
    format!("rules[{index}] (line {})", spec.rules.value[index].place.line)
}

/// One earlier rule that is wider in every condition.
fn wider(conditions: &[Conditions], index: usize, compared: &mut usize) -> Option<usize> {
    let narrow = &conditions[index];
    conditions[..index].iter().position(|earlier| {
        *compared += cost(earlier, narrow);
        *compared <= MOST_COMPARED && covers(earlier, narrow)
    })
}

/// How many names are compared at most.
fn cost(wide: &Conditions, narrow: &Conditions) -> usize {
    let patterns = |rule: &Conditions| -> usize {
        rule.resources.iter().map(|entry| 1 + entry.resources.len() + entry.resource_names.len()).sum()
    };
    1 + wide.users.len() * narrow.users.len()
        + wide.user_groups.len() * narrow.user_groups.len()
        + wide.verbs.len() * narrow.verbs.len()
        + wide.namespaces.len() * narrow.namespaces.len()
        + wide.non_resource_urls.len() * narrow.non_resource_urls.len()
        + patterns(wide) * patterns(narrow)
}

/// Whether every request that `narrow` matches is matched by `wide`.
fn covers(wide: &Conditions, narrow: &Conditions) -> bool {
    names_cover(&wide.users, &narrow.users)
        && names_cover(&wide.user_groups, &narrow.user_groups)
        && names_cover(&wide.verbs, &narrow.verbs)
        && target_covers(wide, narrow)
}

/// An absent list covers all; a given one only a given one whose names it has.
fn names_cover(wide: &[String], narrow: &[String]) -> bool {
    wide.is_empty() || (!narrow.is_empty() && narrow.iter().all(|name| wide.contains(name)))
}

fn target_covers(wide: &Conditions, narrow: &Conditions) -> bool {
    let about_resources = |rule: &Conditions| !rule.resources.is_empty() || !rule.namespaces.is_empty();
    if about_resources(wide) {
        return about_resources(narrow)
            && names_cover(&wide.namespaces, &narrow.namespaces)
            && resources_cover(&wide.resources, &narrow.resources);
    }
    if wide.non_resource_urls.is_empty() {
        return true;
    }
    let covered = |url: &String| wide.non_resource_urls.iter().any(|wide| url_covers(wide, url));
    !about_resources(narrow)
        && !narrow.non_resource_urls.is_empty()
        && narrow.non_resource_urls.iter().all(covered)
}

fn resources_cover(wide: &[GroupResources], narrow: &[GroupResources]) -> bool {
    let covered = |entry: &GroupResources| wide.iter().any(|wide| entry_covers(wide, entry));
    wide.is_empty() || (!narrow.is_empty() && narrow.iter().all(covered))
}

fn entry_covers(wide: &GroupResources, narrow: &GroupResources) -> bool {
    if wide.group != "*" && wide.group != narrow.group {
        return false;
    }
    if wide.resources.is_empty() {
        return true;
    }
    let pattern_covered = |pattern: &String| wide.resources.iter().any(|wide| pattern_covers(wide, pattern));
    if narrow.resources.is_empty() {
        return wide.resource_names.is_empty() && wide.resources.iter().any(|pattern| pattern == "*");
    }
    names_cover(&wide.resource_names, &narrow.resource_names) && narrow.resources.iter().all(pattern_covered)
}

fn pattern_covers(wide: &str, narrow: &str) -> bool {
    if wide == "*" || wide == narrow {
        return true;
    }
    let (resource, subresource) = narrow.split_once('/').unwrap_or((narrow, ""));
    let whole_resource = wide.strip_suffix("/*") == Some(resource);
    let whole_subresource = !subresource.is_empty() && wide.strip_prefix("*/") == Some(subresource);
    // A star in the narrower pattern stands for more than the wider one can be shown to cover.
    let starred = resource == "*" || subresource == "*" || narrow.contains("/*");
    !starred && (whole_resource || whole_subresource)
}

fn url_covers(wide: &str, narrow: &str) -> bool {
    if wide == "*" || wide == narrow {
        return true;
    }
    wide.ends_with('*')
        && narrow != "*"
        && narrow.trim_end_matches('*').starts_with(wide.trim_end_matches('*'))
}

#[cfg(test)]
mod tests {
    use super::{pattern_covers, url_covers};

    #[test]
    fn a_pattern_covers_no_more_than_it_matches() {
        for (wide, narrow, covered) in [
            ("*", "pods/log", true),
            ("pods/*", "pods", true),
            ("pods/*", "pods/log", true),
            ("*/log", "pods/log", true),
            ("*/log", "pods", false),
            ("pods", "pods/log", false),
            ("pods/log", "pods/*", false),
            ("*/*", "pods/log", false),
            ("pods", "*", false),
        ] {
            assert_eq!(pattern_covers(wide, narrow), covered, "{wide} {narrow}");
        }
    }

    #[test]
    fn a_url_covers_no_more_than_it_matches() {
        for (wide, narrow, covered) in [
            ("*", "/a", true),
            ("/a*", "/ab", true),
            ("/a*", "/a/b*", true),
            ("/*", "*", false),
            ("/a", "/a*", false),
            ("/ab*", "/a*", false),
        ] {
            assert_eq!(url_covers(wide, narrow), covered, "{wide} {narrow}");
        }
    }
}
