//! What was allowed before, and which changes came between.

use super::*;

/// The same line with another reason of the authorizer.
fn because(line: Vec<u8>, reason: &str) -> Vec<u8> {
    let reason = format!(r#"reason":{}"#, serde_json::Value::from(reason));
    String::from_utf8(line).unwrap().replace(r#"reason":"""#, &reason).into_bytes()
}

fn binding(name: &str) -> String {
    BINDING.replace("dev", name)
}

#[test]
fn a_change_that_came_after_the_first_refusal_is_not_told() {
    let mut lines = story();
    lines.swap_remove(3);
    lines.push(line(200, "admin", "patch", &binding("late"), 200, "allow"));
    lines.push(line(203, "admin", "delete", BINDING, 200, "allow"));
    let report = report(&lines);
    let told: Vec<_> = report.refused[0].after.iter().map(|one| (one.name.as_str(), one.seconds)).collect();
    assert_eq!(told, [("late", 0)], "what came at the same time may have come before");
}

#[test]
fn a_dry_run_is_no_change() {
    let mut lines = story();
    let dry = String::from_utf8(lines.remove(3)).unwrap().replace("?secret=1", "?x=1&dryRun=All");
    lines.push(dry.into_bytes());
    assert!(report(&lines).refused[0].after.is_empty());
    laws::hold::<Denied>(&lines);
}

#[test]
fn the_binding_by_which_it_was_allowed_comes_before_other_changes() {
    for (reason, gave_it) in [
        (r#"RBAC: allowed by RoleBinding "view/shop" of ClusterRole "view" to User "jane""#, true),
        (r#"RBAC: allowed by RoleBinding "other/shop" of Role "view" to User "jane""#, false),
        (r#"RBAC: allowed by RoleBinding "view/shop" of Role "view" to Group "dev""#, true),
    ] {
        let mut lines = vec![because(line(0, "jane", "list", PODS, 200, "allow"), reason)];
        lines.push(line(100, "admin", "patch", &binding("view"), 200, "allow"));
        lines.extend(
            (101..104).map(|second| {
                line(second, "admin", "delete", &binding(&format!("e2e-{second}")), 200, "allow")
            }),
        );
        lines.push(line(160, "jane", "list", PODS, 403, "forbid"));
        let report = report(&lines);
        let after = &report.refused[0].after;
        assert_eq!((after.len(), after[0].gave_it), (3, gave_it), "{after:#?}");
        assert_eq!(after[0].name == "view", gave_it, "{after:#?}");
        laws::hold::<Denied>(&lines);
    }
}

#[test]
fn what_was_allowed_to_others_of_that_name_was_not_allowed_before() {
    let acting = r#","impersonatedUser":{"username":"jane","groups":["system:masters"]},"sourceIPs""#;
    let as_master = String::from_utf8(line(0, "admin", "list", PODS, 200, "allow")).unwrap();
    let as_master = as_master.replace(r#","sourceIPs""#, acting).into_bytes();
    let of_group = r#"RBAC: allowed by RoleBinding "dev/shop" of Role "dev" to Group "ops""#;
    let of_group = because(line(0, "jane", "list", PODS, 200, "allow"), of_group);
    for first in [as_master, of_group] {
        let lines = [&[first], &story()[1..]].concat();
        assert!(report(&lines).refused[0].after.is_empty());
    }
}

#[test]
fn what_was_allowed_on_one_name_was_not_allowed_on_another() {
    let get = |second, name: &str, code| {
        line(second, "jane", "get", &named(name), code, if code == 403 { "forbid" } else { "allow" })
    };
    let lines = vec![
        get(0, "mine", 200),
        line(10, "admin", "delete", BINDING, 200, "allow"),
        get(20, "other", 403),
        get(30, "mine", 200),
    ];
    let told = |lines: &[Vec<u8>]| {
        laws::hold::<Denied>(lines);
        let row = report(lines).refused.remove(0);
        (row.now, row.last_allowed.is_some(), row.after.len())
    };
    assert_eq!(told(&lines), (Now::Ongoing, false, 0));
    let with = |more: Vec<u8>| [&lines[..], &[more]].concat();
    assert_eq!(told(&with(get(40, "other", 200))), (Now::AllowedAgain, true, 0));
    // Without a name: that is of all names.
    assert_eq!(told(&with(line(40, "jane", "get", PODS, 200, "allow"))), (Now::AllowedAgain, true, 0));
    let many: Vec<_> = (0..17).map(|name| get(5, &format!("n{name}"), 200)).collect();
    assert_eq!(told(&[many, lines].concat()), (Now::AllowedAgain, true, 1), "so many names are all names");
}

#[test]
fn the_name_in_the_body_of_what_is_created_is_no_name_of_a_request() {
    let lines = [
        line(0, "jane", "create", &named("web"), 201, "allow"),
        line(10, "admin", "delete", BINDING, 200, "allow"),
        line(20, "jane", "create", PODS, 403, "forbid"),
    ];
    assert_eq!(report(&lines).refused[0].after.len(), 1);
}

#[test]
fn what_admission_refused_is_allowed_again_only_for_that_object() {
    let create = |second, name: &str, code| line(second, "jane", "create", &named(name), code, "allow");
    let mut lines = vec![create(1, "deny-me", 403), create(2, "web", 201)];
    lines.extend((3..30).map(|second| create(second, &format!("n{second}"), 201)));
    laws::hold::<Denied>(&lines);
    assert_eq!(report(&lines).refused[0].now, Now::Ongoing);
    assert_eq!(report(&lines[..2]).refused[0].now, Now::Ongoing);
    assert_eq!(report(&[create(1, "web", 403), create(2, "web", 201)]).refused[0].now, Now::AllowedAgain);
}
