//! What is given and how much of it was used, binding by binding and rule by rule.

#![allow(clippy::unwrap_used, reason = "what cannot be read is a failed test")]

use audit::rbac::{
    Binding, BindingUse, By, Objects, Observation, Part, Rbac, Request, Role, RoleKind, Rule, RuleUse, State,
    Subject, Uses, Via, Who, unused,
};

const DAY: i64 = 86_400_000_000;

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn rule(verbs: &[&str], resources: &[&str], names: &[&str]) -> Rule {
    let any = resources == ["*"];
    Rule {
        verbs: texts(verbs),
        api_groups: texts(if any { &["*"] } else { &[""] }),
        resources: texts(resources),
        resource_names: texts(names),
        ..Rule::default()
    }
}

/// A binding to alice in shop for each role, which has its name.
fn cluster(roles: impl IntoIterator<Item = (&'static str, Rule)>) -> Rbac {
    let mut objects = Objects::default();
    for (name, rule) in roles {
        objects.roles.push(Role {
            kind: RoleKind::Role,
            namespace: "shop".to_owned(),
            name: name.to_owned(),
            labels: Default::default(),
            annotations: Default::default(),
            rules: vec![rule],
            aggregation: None,
        });
        objects.bindings.push(Binding {
            namespace: "shop".to_owned(),
            name: name.to_owned(),
            labels: Default::default(),
            annotations: Default::default(),
            role_kind: RoleKind::Role,
            role: name.to_owned(),
            subjects: vec![Subject::User("alice".to_owned())],
        });
    }
    Rbac::new(objects)
}

fn seen(rbac: &Rbac, by: Option<usize>, request: Request, time: i64) -> Observation {
    let via = by.map(|by| Via::new(&rbac.objects().bindings[by], Subject::User("alice".to_owned())));
    let who = Who::named("alice");
    Observation { who, request, allowed: true, count: 1, forbidden_after: 0, first: time, last: time, via }
}

fn of(observations: impl IntoIterator<Item = Observation>) -> Uses {
    let mut uses = Uses::default();
    observations.into_iter().for_each(|observation| uses.add(observation));
    uses.spans(0, 60 * DAY);
    uses
}

fn found(rbac: &Rbac, uses: &Uses) -> Vec<BindingUse> {
    unused(rbac, uses, 30 * DAY)
}

fn pods(verb: &str, name: &str) -> Request {
    Request::resource(verb, "", "pods", "shop", name)
}

fn part(verbs: &[&str], on: &[&str]) -> Part {
    Part { verbs: texts(verbs), on: texts(on) }
}

#[test]
fn of_one_use_by_several_bindings_each_has_its_own_requests_and_its_own_last_one() {
    let all = || rule(&["list", "get"], &["pods"], &[]);
    let rbac = cluster([("old", all()), ("new", all())]);
    let once = seen(&rbac, Some(0), pods("list", ""), DAY);
    let often = (0..99).map(|n| seen(&rbac, Some(1), pods("list", ""), 40 * DAY + n));
    let found = found(&rbac, &of(std::iter::once(once).chain(often)));
    let told: Vec<_> = found.iter().map(|one| (one.requests, one.last)).collect();
    assert_eq!(told, [(1, Some(DAY)), (99, Some(40 * DAY + 98))]);
}

#[test]
fn without_reasons_each_binding_has_the_requests_for_those_names_that_it_comes_first_for() {
    let rbac = cluster([("a", rule(&["get"], &["pods"], &["x"])), ("b", rule(&["get"], &["pods"], &[]))]);
    let requests = ["x", "x", "y", "z", "z", "z"].map(|name| seen(&rbac, None, pods("get", name), DAY));
    let told: Vec<_> = found(&rbac, &of(requests)).iter().map(|one| one.requests).collect();
    assert_eq!(told, [2, 4]);
    let many = (0..300).map(|name| seen(&rbac, None, pods("get", &name.to_string()), DAY));
    let told: Vec<_> = found(&rbac, &of(many)).iter().map(|one| (one.state, one.requests)).collect();
    assert_eq!(told, [(State::Unused, 0), (State::Used, 300)], "also of more names than are known");
}

#[test]
fn resources_of_a_rule_are_told_apart_for_each_verb() {
    let rbac = cluster([("r", rule(&["list", "get", "watch"], &["pods", "secrets", "pods/exec"], &[]))]);
    let uses = of([pods("list", ""), pods("get", "x"), Request::resource("get", "", "secrets", "shop", "s")]
        .map(|request| seen(&rbac, Some(0), request, DAY)));
    let one = &found(&rbac, &uses)[0];
    assert_eq!(
        one.rules[0].unused,
        [
            part(&["watch"], &["pods", "secrets", "pods/exec"]),
            part(&["get"], &["pods/exec"]),
            part(&["list"], &["secrets", "pods/exec"]),
        ]
    );
    assert!(!one.rules[0].is_full() && one.rules[0].wide.is_none());
}

#[test]
fn a_wildcard_is_wider_than_what_was_used_of_it_and_that_is_told() {
    let rbac = cluster([("w", rule(&["*"], &["*"], &[])), ("r", rule(&["get", "list"], &["*"], &[]))]);
    let request = |verb: &str| Request::resource(verb, "apps", "deployments/scale", "shop", "q");
    let uses = of([seen(&rbac, Some(0), request("patch"), DAY), seen(&rbac, Some(1), pods("get", "a"), DAY)]);
    let found = found(&rbac, &uses);
    let wide = RuleUse {
        wide: Some(part(&["*"], &["*"])),
        of_wide: ["patch deployments/scale.apps".to_owned()].into(),
        ..RuleUse::default()
    };
    assert_eq!(found[0].rules, [wide]);
    let other = &found[1].rules[0];
    assert_eq!(
        (&other.unused[..], &other.wide),
        (&[part(&["list"], &["*"])][..], &Some(part(&["get"], &["*"])))
    );
    assert_eq!(other.of_wide, ["get pods".to_owned()].into());
}

#[test]
fn names_that_a_rule_is_for_and_that_nobody_asked_for_are_told() {
    let rbac = cluster([("n", rule(&["get"], &["pods"], &["one", "never"]))]);
    let uses = of([seen(&rbac, Some(0), pods("get", "one"), DAY)]);
    assert_eq!(found(&rbac, &uses)[0].rules[0].unused_names, ["never"]);
    let many = (0..300).map(|name| seen(&rbac, Some(0), pods("get", &name.to_string()), DAY));
    let rules = &found(&rbac, &of(many))[0].rules;
    assert!(rules[0].unused_names.is_empty(), "of more names than are known it is not known which");
}

#[test]
fn a_rule_of_which_all_was_used_is_no_wider_than_its_use() {
    let rbac = cluster([("r", rule(&["get"], &["pods"], &["x"]))]);
    let uses = of([seen(&rbac, Some(0), pods("get", "x"), DAY)]);
    assert!(found(&rbac, &uses)[0].rules.iter().all(RuleUse::is_full));
}

#[test]
fn what_others_or_nobody_kept_all_the_uses_of_is_not_called_unused() {
    let rbac = cluster([("r", rule(&["get"], &["pods"], &[])), ("s", rule(&["get"], &["secrets"], &[]))]);
    let one = |more: &dyn Fn(&mut Uses)| {
        let mut uses = of([seen(&rbac, Some(0), pods("get", "x"), DAY)]);
        more(&mut uses);
        let found = found(&rbac, &uses);
        (found[0].state, found[1].state, found[1].why.clone())
    };
    assert_eq!(one(&|_| ()).1, State::Unused);
    let told = "the log has more uses than can be told apart".to_owned();
    let enough = |uses: &mut Uses| uses.beyond("bob".to_owned(), 1);
    assert_eq!(one(&enough).1, State::Unused, "of somebody else");
    assert_eq!(
        one(&|uses| uses.beyond("alice".to_owned(), 7)),
        (State::Used, State::NotEnoughData, told.clone())
    );
    assert_eq!(one(&|uses| uses.beyond_all(7)), (State::Used, State::NotEnoughData, told));
}

#[test]
fn what_a_binding_allowed_adds_up_in_any_order() {
    let (one, other) = (By { count: 2, last: 5 }, By { count: 3, last: 4 });
    let sum = |mut one: By, other| {
        one.add(other);
        one
    };
    assert_eq!(sum(one, other), By { count: 5, last: 5 });
    assert_eq!(sum(other, one), sum(one, other));
}
