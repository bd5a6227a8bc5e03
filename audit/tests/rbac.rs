//! RBAC against a real cluster's log whose truth is known: who attempted what, and what was allowed.

#![allow(clippy::unwrap_used, reason = "what cannot be read is a failed test")]

#[path = "rbac/fixture.rs"]
mod fixture;

use std::collections::{BTreeMap, BTreeSet};

use audit::Event;
use audit::rbac::{
    Left, Mode, Objects, Options, Rbac, Request, Rule, State, Subject, Target, Uses, Verdict, Via, Who,
    observe, replay, suggest, to_yaml, unused,
};

/// Subject, namespace, group, resource, verb, name.
type Atom = (String, String, String, String, String, String);

fn atoms(objects: &Objects) -> BTreeSet<Atom> {
    let mut found = BTreeSet::new();
    for binding in &objects.bindings {
        let role = objects
            .roles
            .iter()
            .find(|role| role.is(binding.role_kind, &binding.namespace, &binding.role))
            .expect("each proposed binding has its role");
        let user = match &binding.subjects[0] {
            Subject::User(name) | Subject::Group(name) => name.clone(),
            Subject::ServiceAccount { namespace, name } => {
                format!("system:serviceaccount:{namespace}:{name}")
            }
        };
        for rule in &role.rules {
            let nameless = [String::new()];
            let names = if rule.resource_names.is_empty() { &nameless[..] } else { &rule.resource_names };
            for (verb, name) in rule.verbs.iter().flat_map(|verb| names.iter().map(move |name| (verb, name)))
            {
                let mut add = |group: &str, resource: &str| {
                    let atom = (&user, &binding.namespace, group, resource, verb, name);
                    let (user, namespace, group, resource, verb, name) = atom;
                    let (group, resource) = (group.to_owned(), resource.to_owned());
                    found.insert((
                        user.clone(),
                        namespace.clone(),
                        group,
                        resource,
                        verb.clone(),
                        name.clone(),
                    ));
                };
                rule.non_resource_urls.iter().for_each(|path| add("path", path));
                for group in &rule.api_groups {
                    rule.resources.iter().for_each(|resource| add(group, resource));
                }
            }
        }
    }
    found
}

/// The truth as the scenario wrote it down; subjects as `bob [viewers]` are one user.
fn truth(allowed: bool) -> BTreeSet<Atom> {
    let truth: serde_json::Value = serde_json::from_str(&fixture::text("ground-truth.json")).unwrap();
    let mut found = BTreeSet::new();
    for (subject, attempts) in truth["subjects"].as_object().unwrap() {
        let user = subject.split(" [").next().unwrap();
        for attempt in attempts.as_array().unwrap().iter().filter(|attempt| attempt["allowed"] == allowed) {
            let text = |field: &str| attempt[field].as_str().unwrap_or_default().to_owned();
            let path = attempt["nonResourceURL"].as_str().or_else(|| attempt["path"].as_str());
            let (group, resource) = match path {
                Some(path) => ("path".to_owned(), path.split('?').next().unwrap().to_owned()),
                None => (text("apiGroup"), text("resource")),
            };
            found.insert((user.to_owned(), text("namespace"), group, resource, text("verb"), text("name")));
        }
    }
    found
}

fn subjects() -> BTreeSet<String> {
    let truth: serde_json::Value = serde_json::from_str(&fixture::text("ground-truth.json")).unwrap();
    let names = truth["subjects"].as_object().unwrap().keys();
    names.map(|name| name.split(" [").next().unwrap().to_owned()).collect()
}

#[test]
fn every_subjects_minimal_permissions_are_proposed_no_more_and_no_fewer() {
    let subjects = subjects();
    let uses = fixture::uses().only(|who| subjects.contains(&who.user));
    let proposal = suggest(&uses, &Options::default(), None);
    let mut expected = truth(true);
    // An apply that created asked for create too, which the truth tells in a note.
    let ssa = "system:serviceaccount:ops:ssa".to_owned();
    let words = ["ops", "apps", "deployments", "create", "d1"].map(str::to_owned);
    let [namespace, group, resource, verb, name] = words;
    expected.insert((ssa, namespace, group, resource, verb, name));
    let proposed = atoms(&proposal.objects);
    let missing: Vec<_> = expected.difference(&proposed).collect();
    let too_much: Vec<_> = proposed.difference(&expected).collect();
    assert!(missing.is_empty() && too_much.is_empty(), "missing {missing:#?}\ntoo much {too_much:#?}");
    assert_eq!(proposal.count(), proposed.len() as u64);
}

#[test]
fn a_replay_of_every_use_against_the_proposal_is_allowed() {
    let uses = fixture::uses();
    let modes = [Mode::Used, Mode::Wanted];
    for mode in modes {
        let proposal = suggest(&uses, &Options { mode, ..Options::default() }, None);
        let replayed = replay(&uses, &Rbac::new(proposal.objects), mode);
        assert_eq!(replayed.refused, []);
        assert!(replayed.requests > 1_900 && replayed.allowed == replayed.requests, "{replayed:?}");
    }
    let used = suggest(&uses, &Options::default(), None);
    let wanted = replay(&uses, &Rbac::new(used.objects), Mode::Fix);
    // Bob was impersonated with a group that may list, and without: a binding to the user cannot tell the two apart.
    assert_eq!((wanted.requests, wanted.allowed), (36, 1), "what was refused stays refused");
}

#[test]
fn a_fix_adds_what_was_refused_and_nothing_that_is_there() {
    let (uses, rbac) = (fixture::uses(), Rbac::new(fixture::objects()));
    let options = Options { mode: Mode::Fix, ..Options::default() };
    let fix = suggest(&uses, &options, Some(&rbac));
    let mut all = fixture::objects();
    all.add(fix.objects.clone());
    let rbac = Rbac::new(all);
    assert_eq!(replay(&uses, &rbac, Mode::Fix).refused, []);
    let replayed = replay(&uses, &rbac, Mode::Wanted);
    let by_rbac = replayed.refused.iter().filter(|(who, _)| !who.is_in("system:nodes"));
    assert_eq!(by_rbac.count(), 0, "what was allowed still is, but for what the node authorizer allows");
    let used = suggest(&uses, &Options::default(), None);
    let (fixed, used) = (atoms(&fix.objects), atoms(&used.objects));
    let both: Vec<_> = fixed.intersection(&used).map(|atom| atom.0.as_str()).collect();
    assert_eq!(both, ["bob"], "who was allowed it in another group");
}

#[test]
fn the_evaluator_agrees_with_every_decision_that_the_api_server_recorded() {
    let rbac = Rbac::new(fixture::objects());
    let (mut compared, mut nodes) = (0, 0);
    fixture::events(|event| {
        let Ok(observations) = observe(event) else { return };
        let first = &observations[0];
        let verdict = rbac.allowed(&first.who, &first.request);
        // Nodes have an authorizer of their own, which is asked before RBAC and gives no reason.
        if first.who.is_in("system:nodes") && first.via.is_none() {
            nodes += 1;
            return;
        }
        assert_eq!(verdict.is_allowed(), first.allowed, "{} {}: {verdict:?}", first.who.user, first.request);
        let reason = event.annotation("authorization.k8s.io/reason").unwrap_or_default();
        match &first.via {
            Some(via) => {
                assert_eq!(via.to_string(), reason);
                let possible = rbac.grants(&first.who, &first.request);
                assert!(
                    possible
                        .into_iter()
                        .any(|grant| matches!(grant, Verdict::Allowed { via: own, .. } if own == *via))
                );
            }
            None => assert!(reason.is_empty() && matches!(verdict, Verdict::Masters | Verdict::Refused)),
        }
        compared += 1;
    });
    assert_eq!(compared + nodes, 2_117);
    assert!(nodes < 800, "{nodes}");
}

#[test]
fn an_impersonation_is_a_use_of_its_own_and_a_refused_one_is_counted() {
    let uses = fixture::uses();
    assert_eq!(uses.left().get(&Left::RefusedImpersonation), Some(&2));
    let rbac = Rbac::new(fixture::objects());
    let impersonator = Who::named("system:serviceaccount:ops:impersonator");
    assert!(
        rbac.allowed(&impersonator, &Request::resource("impersonate", "", "users", "", "bob")).is_allowed()
    );
    assert!(
        !rbac
            .allowed(&impersonator, &Request::resource("impersonate", "", "users", "", "admin"))
            .is_allowed()
    );
}

#[test]
fn folding_parts_in_any_order_and_merging_them_is_folding_the_whole() {
    let mut parts: [Uses; 3] = Default::default();
    let mut at = 0;
    fixture::events(|event| {
        fixture::take(&mut parts[at % 3], event);
        at += 1;
    });
    let [mut a, b, c] = parts;
    let mut other = c.clone();
    other.merge(a.clone());
    other.merge(b.clone());
    a.merge(b);
    a.merge(c);
    assert_eq!(a, fixture::uses());
    assert_eq!(other, a);
}

#[test]
fn what_is_proposed_is_read_back_as_it_was_by_our_reader_and_by_another() {
    let proposal = suggest(&fixture::uses(), &Options { mode: Mode::Wanted, ..Options::default() }, None);
    let text = to_yaml(&proposal.objects);
    assert_eq!(Objects::read(&text).unwrap(), proposal.objects);
    // A reader of YAML 1.2 that is not ours.
    for document in text.split("---\n") {
        let other: serde_json::Value = serde_saphyr::from_str(document).unwrap();
        let json = serde_json::to_string(&other).unwrap();
        assert_eq!(Objects::read(&json).unwrap(), Objects::read(document).unwrap());
    }
    let whole = fixture::objects();
    assert_eq!(Objects::read(&to_yaml(&whole)).unwrap(), whole);
    assert!(text.lines().all(|line| !line.ends_with(' ')));
}

#[test]
fn aggregated_roles_are_followed_when_the_controller_has_filled_them_and_when_not() {
    let filled = fixture::objects();
    let mut empty = filled.clone();
    for role in &mut empty.roles {
        if role.aggregation.is_some() {
            role.rules.clear();
        }
    }
    assert_ne!(filled, empty);
    let (filled, empty) = (Rbac::new(filled), Rbac::new(empty));
    for index in 0..filled.objects().bindings.len() {
        let set = |rbac: &Rbac| rbac.rules_of(index).iter().cloned().collect::<BTreeSet<_>>();
        assert_eq!(set(&filled), set(&empty), "{:?}", filled.objects().bindings[index]);
    }
}

#[test]
fn every_recorded_reason_is_read_and_written_again() {
    let mut reasons: BTreeMap<String, Via> = BTreeMap::new();
    fixture::events(|event| {
        let reason = event.annotation("authorization.k8s.io/reason").unwrap_or_default();
        if !reason.is_empty() {
            reasons.insert(reason.to_string(), reason.parse().unwrap());
        }
    });
    assert!(reasons.len() > 20);
    reasons.iter().for_each(|(reason, via)| assert_eq!(via.to_string(), *reason));
    for wrong in [
        "",
        "RBAC: allowed by ClusterRoleBinding \"x\" of ClusterRole \"y\" to Group \"z\" ",
        "RBAC: allowed by X \"x\"",
    ] {
        assert!(wrong.parse::<Via>().is_err(), "{wrong}");
    }
    let odd = "RBAC: allowed by RoleBinding \"a\\\"b/ns\" of Role \"é\\n\" to ServiceAccount \"s/ns\"";
    assert_eq!(odd.parse::<Via>().unwrap().to_string(), odd);
}

#[test]
fn names_and_namespaces_are_generalised_only_by_choice_and_only_past_a_threshold() {
    let mut uses = Uses::default();
    for (namespace, name) in [("a", "1"), ("a", "2"), ("a", "3"), ("b", "1")] {
        let request = Request::resource("get", "", "configmaps", namespace, name);
        uses.add(fixture::allowed("jane", request));
    }
    let rules = |options: &Options| atoms(&suggest(&uses, options, None).objects).len();
    let options = Options::default();
    assert_eq!(rules(&options), 4);
    assert_eq!(rules(&Options { expand_names_after: Some(3), ..options }), 4);
    assert_eq!(rules(&Options { expand_names_after: Some(2), ..options }), 2, "all names in a, one in b");
    let wide = suggest(&uses, &Options { expand_namespaces_after: Some(1), ..options }, None);
    assert_eq!(atoms(&wide.objects).len(), 3, "three names in the whole cluster");
    assert!(wide.objects.roles.iter().all(|role| role.namespace.is_empty()));
    let Target::Path(path) = Request::path("get", "/metrics").target else { panic!("no path") };
    assert_eq!(path, "/metrics");
}

#[test]
fn an_event_without_a_decision_is_no_use() {
    let line = br#"{"level":"Metadata","stage":"ResponseStarted","user":{},"responseStatus":{"code":401}}"#;
    assert_eq!(observe(&Event::scan(line).unwrap()), Err(Left::Unauthenticated));
}

/// The log that audit2rbac shows itself with: alice is refused three lists, bob lists, a service account too.
fn demo() -> Uses {
    let mut uses = Uses::default();
    let robot = "system:serviceaccount:ns1:sa1";
    let seen = [
        ("alice", Request::resource("list", "", "pods", "ns1", "")),
        ("alice", Request::resource("list", "", "configmaps", "ns1", "")),
        ("alice", Request::resource("list", "", "secrets", "ns1", "")),
        ("alice", Request::path("get", "/version")),
        ("bob", Request::resource("list", "", "pods", "default", "")),
        ("bob", Request::resource("get", "", "pods", "default", "web")),
        (robot, Request::resource("get", "apps", "deployments", "ns1", "a")),
        (robot, Request::resource("get", "apps", "deployments", "ns2", "b")),
        (robot, Request::resource("update", "coordination.k8s.io", "leases", "ns1", "lock")),
        (robot, Request::path("get", "/metrics")),
    ];
    for (user, request) in seen {
        uses.add(audit::rbac::Observation { allowed: user != "alice", ..fixture::allowed(user, request) });
    }
    uses
}

#[test]
fn the_compatible_preset_proposes_what_audit2rbac_documents() {
    let proposal = audit::rbac::audit2rbac(&demo());
    let role = |namespace: &str, user: &str| {
        let name = format!("audit2rbac:{user}");
        let of = proposal.objects.roles.iter();
        let found = of.clone().find(|role| role.namespace == namespace && role.name == name);
        let text = |texts: &[String]| texts.join(",");
        let rules = found.map(|role| role.rules.iter()).into_iter().flatten();
        rules
            .map(|rule| {
                let Rule { api_groups, resources, resource_names, non_resource_urls, verbs } = rule;
                [api_groups, resources, resource_names, non_resource_urls, verbs]
                    .map(|texts| text(texts))
                    .join(" ")
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(role("ns1", "alice"), [" configmaps,pods,secrets   get,list,watch"]);
    assert!(role("", "alice").is_empty(), "everybody may get the version");
    assert_eq!(role("default", "bob"), [" pods   get,list,watch"], "a list takes in the get by name");
    let robot = "system:serviceaccount:ns1:sa1";
    assert_eq!(role("ns1", robot), ["coordination.k8s.io leases lock  get,patch,update"]);
    assert_eq!(role("", robot), ["   /metrics get", "apps deployments   get"]);
    let binding = &proposal.objects.bindings[2];
    assert_eq!(binding.subjects, [Subject::of_user(robot)]);
    assert!(binding.labels.values().all(|value| value.len() <= 63));
    assert_eq!(proposal.objects.bindings.len(), 4);
}

#[test]
fn what_is_given_and_not_used_is_told_and_what_had_no_chance_is_not_called_unused() {
    let (uses, rbac) = (fixture::uses(), Rbac::new(fixture::objects()));
    let found = unused(&rbac, &uses, 1_000_000);
    let of = |name: &str| {
        let named = |index: usize| rbac.objects().bindings[index].name == name;
        found.iter().find(|one| named(one.binding)).unwrap()
    };
    let overpriv = of("overpriv");
    assert_eq!(overpriv.state, State::Used);
    let idle = found.iter().filter(|one| {
        let subjects = &rbac.objects().bindings[one.binding].subjects;
        subjects.contains(&Subject::of_user("system:serviceaccount:ops:idle"))
    });
    assert!(idle.clone().count() > 0);
    assert!(idle.clone().all(|one| one.state == State::NotEnoughData && one.why.contains("was seen")));
    let used: BTreeSet<(&str, &str)> = found
        .iter()
        .filter(|one| one.state == State::Used)
        .map(|one| &rbac.objects().bindings[one.binding])
        .map(|binding| (binding.namespace.as_str(), binding.name.as_str()))
        .collect();
    let mut recorded = BTreeSet::new();
    fixture::events(|event| {
        let reason = event.annotation("authorization.k8s.io/reason").unwrap_or_default();
        if let Ok(via) = reason.parse::<Via>() {
            recorded.insert((via.namespace, via.binding));
        }
    });
    let recorded: BTreeSet<(&str, &str)> =
        recorded.iter().map(|(one, other)| (one.as_str(), other.as_str())).collect();
    assert!(recorded.is_subset(&used), "{:?}", recorded.difference(&used));
    let long = unused(&rbac, &uses, i64::MAX);
    assert!(long.iter().all(|one| one.state != State::Unused), "a window that is too short proves nothing");
    assert!(long.iter().all(|one| one.rules.iter().all(|rule| rule.unused.is_empty())));
}

#[test]
fn what_enough_members_of_a_group_share_goes_to_the_group_by_choice() {
    let mut uses = Uses::default();
    let list = Request::resource("list", "", "pods", "a", "");
    let get = Request::resource("get", "", "secrets", "a", "x");
    let of = |user: &str, groups: &[&str], request: &Request| {
        let who = Who::new(user, groups.iter().copied().chain(["system:authenticated"]));
        audit::rbac::Observation { who, ..fixture::allowed(user, request.clone()) }
    };
    for user in ["ann", "ben", "cem"] {
        uses.add(of(user, &["dev"], &list));
    }
    uses.add(of("ann", &["dev"], &get));
    uses.add(of("dan", &["dev"], &list));
    uses.add(of("dan", &[], &list));
    let alone = suggest(&uses, &Options::default(), None);
    assert!(alone.shared.is_empty() && alone.objects.bindings.len() == 4);
    let shared = suggest(&uses, &Options { share_from: Some(3), ..Options::default() }, None);
    let to: Vec<_> = shared.objects.bindings.iter().map(|binding| binding.subjects[0].to_string()).collect();
    assert_eq!(to, ["User ann", "User dan", "Group dev"], "dan was seen without the group");
    assert_eq!(replay(&uses, &Rbac::new(shared.objects), Mode::Used).refused, []);
    let too_few = suggest(&uses, &Options { share_from: Some(4), ..Options::default() }, None);
    assert_eq!(too_few.objects, alone.objects);
}
