//! What a proposal does to a cluster that has roles of the same names already.

#![allow(clippy::unwrap_used, reason = "what cannot be read is a failed test")]

use audit::rbac::{
    Mode, Objects, Observation, Options, Rbac, Request, Rule, Subject, Uses, Who, replay, suggest,
};

fn seen(user: &str, groups: &[&str], allowed: bool, request: Request) -> Observation {
    let who = Who::new(user, groups.iter().copied().chain(["system:authenticated"]));
    Observation { who, request, allowed, count: 1, forbidden_after: 0, first: 1, last: 1, via: None }
}

fn of(observations: impl IntoIterator<Item = Observation>) -> Uses {
    let mut uses = Uses::default();
    observations.into_iter().for_each(|observation| uses.add(observation));
    uses
}

fn pods(verb: &str, name: &str) -> Request {
    Request::resource(verb, "", "pods", "shop", name)
}

/// What `kubectl apply` leaves: an object of the same kind, namespace and name is replaced.
fn applied(objects: &Objects, more: &Objects) -> Rbac {
    let mut all = objects.clone();
    all.add(more.clone());
    Rbac::new(all)
}

fn fix(uses: &Uses, existing: Option<&Rbac>) -> Objects {
    suggest(uses, &Options { mode: Mode::Fix, ..Options::default() }, existing).objects
}

#[test]
fn a_fix_that_is_applied_keeps_all_that_was_proposed_before() {
    let was = [seen("alice", &[], true, pods("list", "")), seen("alice", &[], true, pods("get", "web"))];
    let used = suggest(&of(was.clone()), &Options::default(), None).objects;
    let refused = [seen("alice", &[], false, pods("get", "x")), seen("alice", &[], false, pods("list", ""))];
    let fixed = fix(&of(refused.clone()), Some(&Rbac::new(used.clone())));
    assert_eq!(fixed.roles.len(), 1, "{fixed:?}");
    assert_eq!(fixed.roles[0].name, used.roles[0].name);
    let rbac = applied(&used, &fixed);
    assert_eq!(replay(&of(was.into_iter().chain(refused)), &rbac, Mode::Wanted).refused, []);
    assert!(!rbac.allowed(&Who::named("alice"), &pods("get", "y")).is_allowed());
}

#[test]
fn a_fix_that_does_not_know_what_there_is_goes_under_names_of_its_own() {
    let was = of([seen("alice", &[], true, pods("list", ""))]);
    let used = suggest(&was, &Options::default(), None).objects;
    let first = of([seen("alice", &[], false, pods("get", "x"))]);
    let second = of([seen("alice", &[], false, pods("get", "y"))]);
    let mut all = used.clone();
    for refused in [&first, &second, &first] {
        all.add(fix(refused, None));
    }
    assert_eq!((all.roles.len(), all.bindings.len()), (3, 3), "the same fix has the same name");
    let rbac = Rbac::new(all);
    assert!(replay(&was, &rbac, Mode::Used).refused.is_empty());
    assert!([first, second].iter().all(|uses| replay(uses, &rbac, Mode::Fix).refused.is_empty()));
}

#[test]
fn the_names_of_what_others_have_are_left_to_them() {
    let used = of([seen("alice", &[], true, pods("list", ""))]);
    let own = suggest(&used, &Options::default(), None).objects;
    let mut to_bob = own.clone();
    to_bob.bindings[0].subjects.push(Subject::User("bob".to_owned()));
    let mut other_binding = own.clone();
    let binding = &mut other_binding.bindings[0];
    (binding.name, binding.subjects) = ("b".to_owned(), vec![Subject::Group("dev".to_owned())]);
    let mut other_role = own.clone();
    other_role.bindings[0].role = "view".to_owned();
    for (case, there) in [&to_bob, &other_binding, &other_role].into_iter().enumerate() {
        let rbac = Rbac::new(there.clone());
        for mode in [Mode::Used, Mode::Wanted] {
            let new = suggest(&used, &Options { mode, ..Options::default() }, Some(&rbac)).objects;
            assert!(new.roles[0].name.starts_with("auditrail:alice-"), "{case}: {}", new.roles[0].name);
            assert_eq!(applied(there, &new).objects().roles.len(), there.roles.len() + 1);
            let again = suggest(&used, &Options { mode, ..Options::default() }, Some(&applied(there, &new)));
            assert_eq!(again.objects, new, "the name is the same the next time");
        }
    }
    let known = Rbac::new(own.clone());
    assert_eq!(suggest(&used, &Options::default(), Some(&known)).objects, own);
}

#[test]
fn what_a_newer_proposal_takes_from_an_older_one_is_counted() {
    let old = [pods("list", ""), pods("get", "a"), pods("get", "b"), pods("watch", "")];
    let old = of(old.map(|request| seen("alice", &[], true, request)));
    let old = Rbac::new(suggest(&old, &Options::default(), None).objects);
    let new = [pods("list", ""), pods("get", "a"), Request::path("get", "/metrics")];
    let new = of(new.map(|request| seen("alice", &[], true, request)));
    let proposal = suggest(&new, &Options::default(), Some(&old));
    let lost: Vec<_> = proposal.replaced.iter().map(|one| (one.namespace.as_str(), one.lost)).collect();
    assert_eq!(lost, [("shop", 2)], "get b and watch");
    let same = Rbac::new(proposal.objects);
    assert_eq!(suggest(&new, &Options::default(), Some(&same)).replaced, []);
}

#[test]
fn a_user_who_is_called_as_a_group_is_does_not_share_its_name() {
    let uses = of([
        seen("a", &["dev"], true, pods("list", "")),
        seen("b", &["dev"], true, pods("list", "")),
        seen("group:dev", &[], true, pods("get", "s")),
    ]);
    let objects = suggest(&uses, &Options { share_from: Some(2), ..Options::default() }, None).objects;
    let names: Vec<&str> = objects.roles.iter().map(|role| role.name.as_str()).collect();
    assert!(names.contains(&"auditrail:group:dev") && names.len() == 2 && names[0] != names[1], "{names:?}");
    assert_ne!(objects.roles[0].labels, objects.roles[1].labels);
    assert_eq!(replay(&uses, &Rbac::new(objects), Mode::Used).refused, []);
}

#[test]
fn a_user_who_is_called_as_another_ones_hash_is_gets_another_name() {
    let alone = of([seen("a b", &[], true, pods("list", ""))]);
    let alone = suggest(&alone, &Options::default(), None).objects;
    let same = alone.roles[0].name.trim_start_matches("auditrail:").to_owned();
    let both = ["a b", same.as_str()].map(|user| seen(user, &[], true, pods("list", "")));
    let both = suggest(&of(both), &Options::default(), None).objects;
    assert_eq!(both.roles.len(), 2);
    assert_ne!(both.roles[0].name, both.roles[1].name);
}

#[test]
fn a_role_that_is_kept_keeps_its_labels_and_rules_but_not_what_kubectl_wrote_there() {
    let was = of([seen("alice", &[], true, pods("list", ""))]);
    let mut there = suggest(&was, &Options::default(), None).objects;
    let role = &mut there.roles[0];
    role.labels.insert("team".to_owned(), "web".to_owned());
    let applied = "kubectl.kubernetes.io/last-applied-configuration".to_owned();
    role.annotations.extend([(applied, "{}".to_owned()), ("note".to_owned(), "x".to_owned())]);
    let all = ["*".to_owned()];
    role.rules.push(Rule {
        verbs: all.to_vec(),
        api_groups: vec!["apps".to_owned(), "batch".to_owned()],
        resources: all.to_vec(),
        ..Rule::default()
    });
    let refused = of([seen("alice", &[], false, pods("get", "x"))]);
    let fixed = fix(&refused, Some(&Rbac::new(there)));
    let role = &fixed.roles[0];
    assert_eq!((role.labels["team"].as_str(), role.annotations["note"].as_str()), ("web", "x"));
    assert!(!role.annotations.keys().any(|key| key.contains("last-applied")));
    let rbac = Rbac::new(fixed.clone());
    for (verb, group, resource) in
        [("delete", "apps", "deployments"), ("get", "batch", "jobs"), ("list", "", "pods")]
    {
        let request = Request::resource(verb, group, resource, "shop", "");
        assert!(rbac.allowed(&Who::named("alice"), &request).is_allowed(), "{request}");
    }
}
