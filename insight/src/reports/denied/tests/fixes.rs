//! What is proposed.

use super::*;

#[test]
fn the_fix_allows_what_was_refused_and_nothing_else() {
    use audit::rbac::{Objects, Rbac, Request, Who};
    let fix = report(&story()).refused[0].fix.clone().unwrap();
    let rbac = Rbac::new(Objects::read(&fix).unwrap());
    let may = |user: &str, verb: &str, namespace: &str| {
        rbac.allowed(&Who::named(user), &Request::resource(verb, "", "pods", namespace, "")).is_allowed()
    };
    assert!(may("jane", "list", "shop"), "{fix}");
    assert!(!may("jane", "list", "other") && !may("jane", "watch", "shop") && !may("joe", "list", "shop"));
}

/// What the only row proposes, and what it says beside it.
fn proposed(lines: &[Vec<u8>]) -> (audit::rbac::Objects, Vec<&'static str>) {
    let report = report(lines);
    let [row] = &report.refused[..] else { panic!("{report:#?}") };
    (audit::rbac::Objects::read(row.fix.as_ref().unwrap()).unwrap(), row.careful.clone())
}

#[test]
fn the_fix_is_for_all_names_where_one_of_the_requests_had_none() {
    let lines = [
        line(1, "jane", "list", PODS, 403, "forbid"),
        line(2, "jane", "list", &named("x"), 403, "forbid"),
        line(3, "jane", "list", PODS, 403, "forbid"),
    ];
    for lines in [&lines[..], &lines[1..]] {
        let (objects, careful) = proposed(lines);
        assert!(objects.roles[0].rules[0].resource_names.is_empty() && careful.is_empty(), "{objects:#?}");
    }
    let filter = Filter { name: Some("x".into()), ..Filter::default() };
    let of_x = laws::folded::<Denied>(&lines).report(&filter);
    assert!(of_x.refused[0].fix.as_ref().unwrap().contains("resourceNames"), "{of_x:#?}");
    laws::hold::<Denied>(&lines);
}

#[test]
fn names_are_listed_as_long_as_they_are_known_and_else_it_is_said_that_it_is_for_all() {
    let lines = |names: u32| -> Vec<Vec<u8>> {
        let delete = |second| line(second, "jane", "delete", &named(&format!("p{second}")), 403, "forbid");
        (0..names).map(delete).collect()
    };
    let (objects, careful) = proposed(&lines(32));
    assert_eq!((objects.roles[0].rules[0].resource_names.len(), careful.len()), (32, 0));
    let (objects, careful) = proposed(&lines(33));
    assert!(objects.roles[0].rules[0].resource_names.is_empty(), "{objects:#?}");
    assert!(careful[0].contains("objects of all names"), "{careful:?}");
}

/// A refused `get` of a path.
fn of_path(second: u32, path: &str) -> Vec<u8> {
    let line = line(second, "jane", "get", "null", 403, "forbid");
    String::from_utf8(line).unwrap().replace("/x?secret=1", path).into_bytes()
}

#[test]
fn the_fix_of_a_path_has_it_as_it_is_compared() {
    let (objects, _) = proposed(&[of_path(1, "/logs/kube%20x.log?n=1")]);
    assert_eq!(objects.roles[0].rules[0].non_resource_urls, ["/logs/kube x.log"]);
    for path in ["/%2A", "/a%FFb", ""] {
        assert_eq!(report(&[of_path(1, path)]).refused[0].fix, None, "{path}");
    }
}

#[test]
fn roles_that_give_different_things_have_different_names() {
    let log = |name: &str| {
        format!(
            r#"{{"resource":"pods","subresource":"log","namespace":"shop","name":"{name}","apiVersion":"v1"}}"#
        )
    };
    let other = PODS.replace("pods", "pods-log");
    let mut names = Vec::new();
    for line in [
        of_path(1, "/m-x/y"),
        of_path(1, "/m/x-y"),
        of_path(1, "/m/x/y"),
        line(1, "jane", "get", &log("a"), 403, "forbid"),
        line(1, "jane", "get", &log("b"), 403, "forbid"),
        line(1, "jane", "get", &log(""), 403, "forbid"),
        line(1, "jane", "get", &other, 403, "forbid"),
    ] {
        let (objects, _) = proposed(&[line]);
        let name = &objects.roles[0].name;
        assert_eq!((name, name), (&objects.bindings[0].name, &objects.bindings[0].role));
        assert!(name.starts_with("auditrail:jane:get-"), "{name}");
        names.push(name.clone());
    }
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 7, "{names:?}");
}

#[test]
fn nothing_is_proposed_where_it_should_not_be_allowed_lightly() {
    let secrets = PODS.replace("pods", "secrets");
    for (user, verb, object) in [
        ("system:anonymous", "list", PODS),
        ("jane", "list", secrets.as_str()),
        ("jane", "create", BINDING),
        ("system:node:a", "list", PODS),
    ] {
        let report = report(&[line(1, user, verb, object, 403, "forbid")]);
        let row = &report.refused[0];
        assert!(row.fix.is_none() && !row.warnings.is_empty(), "{row:#?}");
    }
    for decision in ["allow", ""] {
        assert_eq!(report(&[line(1, "jane", "list", PODS, 403, decision)]).refused[0].fix, None);
    }
}
