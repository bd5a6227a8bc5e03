//! RBAC's evaluator against an obviously simple one, proposals against it, and YAML against what any text can be.

use audit::rbac::{
    Binding, Mode, Objects, Observation, Options, Rbac, Request, Role, RoleKind, Rule, Subject, Target, Uses,
    Verbs, Who, audit2rbac, documents, replay, suggest, to_yaml,
};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

const USERS: [&str; 3] = ["jane", "system:serviceaccount:a:robot", "system:anonymous"];
const GROUPS: [&str; 4] = ["dev", "ops", "system:authenticated", "system:masters"];
const VERBS: [&str; 6] = ["get", "list", "watch", "create", "impersonate", "*"];
const API_GROUPS: [&str; 3] = ["", "apps", "*"];
const RESOURCES: [&str; 7] = ["pods", "pods/log", "deployments", "deployments/scale", "*/log", "*", "pods/*"];
const NAMESPACES: [&str; 3] = ["", "a", "b"];
const NAMES: [&str; 3] = ["", "x", "y"];
const PATHS: [&str; 6] = ["/metrics", "/metrics/*", "/healthz*", "*", "/", "/metrics/x"];

fn some(of: &'static [&'static str], most: usize) -> impl Strategy<Value = Vec<String>> {
    subsequence(of, 0..=most).prop_map(|texts| texts.into_iter().map(str::to_owned).collect())
}

fn rule() -> impl Strategy<Value = Rule> {
    (some(&API_GROUPS, 2), some(&RESOURCES, 2), some(&NAMES, 2), some(&PATHS, 1), some(&VERBS, 3)).prop_map(
        |(api_groups, resources, resource_names, non_resource_urls, verbs)| Rule {
            api_groups,
            resources,
            resource_names,
            non_resource_urls,
            verbs,
        },
    )
}

fn subject() -> impl Strategy<Value = Subject> {
    let account = |namespace: &str| Subject::ServiceAccount {
        namespace: namespace.to_owned(),
        name: "robot".to_owned(),
    };
    prop_oneof![
        select(&USERS[..]).prop_map(|name| Subject::User(name.to_owned())),
        select(&GROUPS[..3]).prop_map(|name| Subject::Group(name.to_owned())),
        select(&NAMESPACES[..]).prop_map(account),
    ]
}

fn objects() -> impl Strategy<Value = Objects> {
    let role = (
        any::<bool>(),
        select(&NAMESPACES[1..]),
        select(&["r", "s"][..]),
        prop::collection::vec(rule(), 0..3),
    )
        .prop_map(|(cluster, namespace, name, rules)| Role {
            kind: if cluster { RoleKind::ClusterRole } else { RoleKind::Role },
            namespace: if cluster { String::new() } else { namespace.to_owned() },
            name: name.to_owned(),
            labels: Default::default(),
            annotations: Default::default(),
            rules,
            aggregation: None,
        });
    let binding = (
        select(&NAMESPACES[..]),
        any::<bool>(),
        select(&["r", "s", "gone"][..]),
        prop::collection::vec(subject(), 0..3),
    )
        .prop_map(|(namespace, cluster, role, subjects)| Binding {
            namespace: namespace.to_owned(),
            name: "b".to_owned(),
            labels: Default::default(),
            annotations: Default::default(),
            role_kind: if cluster || namespace.is_empty() { RoleKind::ClusterRole } else { RoleKind::Role },
            role: role.to_owned(),
            subjects,
        });
    (prop::collection::vec(role, 0..5), prop::collection::vec(binding, 0..5)).prop_map(|(roles, bindings)| {
        let mut objects = Objects::default();
        objects.add(Objects { roles, bindings: Vec::new() });
        objects.bindings = bindings;
        objects
    })
}

fn request() -> impl Strategy<Value = Request> {
    let resource = (
        select(&VERBS[..5]),
        select(&API_GROUPS[..2]),
        select(&RESOURCES[..4]),
        select(&NAMESPACES[..]),
        select(&NAMES[..]),
    )
        .prop_map(|(verb, group, resource, namespace, name)| {
            Request::resource(verb, group, resource, namespace, name)
        });
    let path = (select(&VERBS[..2]), select(&["/metrics", "/metrics/x", "/healthz/y", "/"][..]))
        .prop_map(|(verb, path)| Request::path(verb, path));
    prop_oneof![4 => resource, 1 => path]
}

fn who() -> impl Strategy<Value = Who> {
    (select(&USERS[..]), some(&GROUPS, 2)).prop_map(|(user, groups)| Who::new(user, groups))
}

/// Access control as one would tell it to a newcomer: any binding that counts here and names the user, any rule of
/// its role that covers each word of the request.
fn simple(objects: &Objects, who: &Who, request: &Request) -> bool {
    if who.groups.iter().any(|group| group == "system:masters") {
        return true;
    }
    let has = |list: &[String], word: &str| list.iter().any(|own| own == word || own == "*");
    objects.bindings.iter().any(|binding| {
        let here = binding.namespace.is_empty() || binding.namespace == request.namespace();
        let named = binding.subjects.iter().any(|subject| match subject {
            Subject::User(name) => *name == who.user,
            Subject::Group(name) => who.groups.contains(name),
            Subject::ServiceAccount { namespace, name } => {
                let namespace = if namespace.is_empty() { &binding.namespace } else { namespace };
                !namespace.is_empty() && who.user == format!("system:serviceaccount:{namespace}:{name}")
            }
        });
        let roles = objects.roles.iter().filter(|role| {
            let place = if binding.role_kind == RoleKind::Role { binding.namespace.as_str() } else { "" };
            role.kind == binding.role_kind && role.name == binding.role && role.namespace == place
        });
        here && named
            && roles.flat_map(|role| &role.rules).any(|rule| {
                has(&rule.verbs, &request.verb)
                    && match &request.target {
                        Target::Path(path) => {
                            rule.non_resource_urls.iter().any(|url| match url.strip_suffix('*') {
                                Some(start) => path.starts_with(start),
                                None => url == path,
                            })
                        }
                        Target::Resource { group, resource, subresource, name, .. } => {
                            let whole = match subresource.as_str() {
                                "" => resource.clone(),
                                subresource => format!("{resource}/{subresource}"),
                            };
                            let any_with = !subresource.is_empty()
                                && rule.resources.contains(&format!("*/{subresource}"));
                            has(&rule.api_groups, group)
                                && (has(&rule.resources, &whole) || any_with)
                                && (rule.resource_names.is_empty() || rule.resource_names.contains(name))
                        }
                    }
            })
    })
}

fn uses() -> impl Strategy<Value = Vec<Observation>> {
    let one =
        (who(), request(), any::<bool>(), 0..50_i64).prop_map(|(who, request, allowed, time)| Observation {
            who,
            request,
            allowed,
            count: 1,
            forbidden_after: 0,
            first: time,
            last: time,
            via: None,
        });
    prop::collection::vec(one, 0..30)
}

fn folded(observations: &[Observation]) -> Uses {
    let mut uses = Uses::default();
    observations.iter().for_each(|observation| uses.add(observation.clone()));
    uses
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn the_evaluator_answers_as_a_simple_one(objects in objects(), who in who(), requests in prop::collection::vec(request(), 8)) {
        let rbac = Rbac::new(objects.clone());
        for request in requests {
            prop_assert_eq!(rbac.allowed(&who, &request).is_allowed(), simple(&objects, &who, &request), "{}", request);
        }
    }

    #[test]
    fn whatever_is_proposed_allows_all_that_it_was_made_from(
        observations in uses(),
        verbs in select(&[Verbs::AsUsed, Verbs::Audit2rbac, Verbs::Informer][..]),
        names in prop::option::of(0..3_usize),
        namespaces in prop::option::of(0..3_usize),
        share_from in prop::option::of(1..3_usize),
    ) {
        let uses = folded(&observations);
        for mode in [Mode::Used, Mode::Wanted, Mode::Fix] {
            let options = Options { mode, verbs, expand_names_after: names, expand_namespaces_after: namespaces, share_from };
            let proposal = suggest(&uses, &options, None);
            let replayed = replay(&uses, &Rbac::new(proposal.objects.clone()), mode);
            prop_assert_eq!(replayed.allowed, replayed.requests);
            prop_assert_eq!(&Objects::read(&to_yaml(&proposal.objects)).unwrap(), &proposal.objects);
            let written = documents(&proposal.objects).map(|one| serde_json::to_string(&one).unwrap());
            prop_assert_eq!(Objects::read(&written.collect::<Vec<_>>().join("\n---\n")).unwrap(), proposal.objects);
        }
        let kept = audit2rbac(&uses);
        let replayed = replay(&uses, &Rbac::new(kept.objects), Mode::Wanted);
        prop_assert_eq!(replayed.allowed, replayed.requests, "{:?}", replayed.refused);
    }

    #[test]
    fn a_replay_asks_what_the_evaluator_would_say(observations in uses(), objects in objects()) {
        let (uses, rbac) = (folded(&observations), Rbac::new(objects));
        let asked = uses.iter().flat_map(|(who, what, seen)| {
            let names = seen.allowed.names.iter().chain(&seen.refused.names);
            names.map(move |(name, count)| (who, what.named(name), (*count).max(1)))
        });
        let allowed = asked.filter(|(who, request, _)| rbac.allowed(who, request).is_allowed());
        prop_assert_eq!(replay(&uses, &rbac, Mode::Wanted).allowed, allowed.map(|(.., count)| count).sum::<u64>());
    }

    #[test]
    fn the_least_proposal_allows_nothing_that_was_not_used(observations in uses(), request in request()) {
        let uses = folded(&observations);
        let rbac = Rbac::new(suggest(&uses, &Options::default(), None).objects);
        for user in USERS {
            let who = Who::new(user, [""; 0]);
            let wide = |other: &Request| {
                // Without a name or a namespace a use covers those with one.
                let (Target::Resource { namespace, name, .. }, Target::Resource { namespace: n, name: m, .. }) = (&other.target, &request.target) else { return *other == request };
                let same = Request { target: match &request.target {
                    Target::Resource { group, resource, subresource, .. } => Target::Resource { group: group.clone(), resource: resource.clone(), subresource: subresource.clone(), namespace: namespace.clone(), name: name.clone() },
                    path => path.clone(),
                }, verb: request.verb.clone() };
                same == *other && (namespace == n || namespace.is_empty()) && (name == m || name.is_empty())
            };
            let used = observations.iter().any(|seen| seen.allowed && seen.who.user == user && wide(&seen.request));
            prop_assert_eq!(rbac.allowed(&who, &request).is_allowed(), used, "{} {}", user, request);
        }
    }

    #[test]
    fn any_text_survives_yaml(texts in prop::collection::vec(prop_oneof![any::<String>(), "[-?:,\\[\\]{}#&*!|>'\"%@`~=<yYnN0-9._/ ]{0,6}", select(&["yes", "null", "0x1f", "1:30", "1e3", "2024-01-01", "off", ".inf", "~", "<<", "- a", "a: b", "a #b", "", " "][..]).prop_map(str::to_owned)], 1..6)) {
        let rule = Rule { api_groups: texts.clone(), resources: texts.clone(), resource_names: texts.clone(), verbs: texts.clone(), non_resource_urls: texts.clone() };
        let role = Role { kind: RoleKind::ClusterRole, namespace: String::new(), name: "x".to_owned(), labels: texts.iter().filter(|text| *text != "<<").map(|text| (text.clone(), text.clone())).collect(), annotations: Default::default(), rules: vec![rule], aggregation: None };
        let objects = Objects { roles: vec![role], bindings: Vec::new() };
        let text = to_yaml(&objects);
        prop_assert_eq!(&Objects::read(&text).unwrap(), &objects, "{}", text);
        let other: serde_json::Value = serde_saphyr::from_str(&text).unwrap();
        prop_assert_eq!(&other["rules"][0]["verbs"], &serde_json::json!(texts));
    }

    #[test]
    fn whatever_is_read_is_survived_and_a_fault_has_a_place_in_the_text(
        objects in objects(),
        at in any::<prop::sample::Index>(),
        junk in prop_oneof![any::<String>(), select(&["", "\n---\n", "[", "{", "- ", ": ", "\t", "&a ", "*a", "null", "\"", "1"][..]).prop_map(str::to_owned)],
    ) {
        let text = to_yaml(&objects);
        let places: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
        let (head, tail) = text.split_at(*at.get(&places));
        for text in [format!("{head}{junk}{tail}"), format!("{head}{junk}"), junk] {
            if let Err(fault) = Objects::read(&text) {
                prop_assert!(fault.line <= text.lines().count() + 1 && fault.column > 0, "{} in {:?}", fault, text);
            }
        }
    }

    #[test]
    fn what_allows_requests_allows_them_and_only_them(asked in prop::collection::vec(request(), 1..4), other in request()) {
        for user in USERS {
            let rbac = Rbac::new(audit::rbac::allowing(user, &asked).objects);
            let may = |request: &Request| rbac.allowed(&Who::new(user, [""; 0]), request).is_allowed();
            prop_assert!(asked.iter().all(may));
            let same_verb = asked.iter().any(|request| request.verb == other.verb);
            prop_assert!(same_verb || !may(&other));
        }
    }
}
