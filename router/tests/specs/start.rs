//! What is wrong is said before anything starts.

use router::{Config, Route, Router, StartError};

use crate::given::{Shipper, config, policy, policy_path};

fn with_policy(dir: &std::path::Path) -> Config {
    let routes = vec![Route::everything("all", ["lake"])];
    Config { policy: Some(policy_path(dir, "it")), routes, ..Config::default() }
}

#[test]
fn a_policy_that_the_api_server_refuses_is_refused_with_file_line_column_and_reason() {
    let bad = "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n- level: Metadata\n- level: Sometimes\n";
    let (_, dir) = config("  in_flight: 1", &[("it", bad)]);
    let refused = Router::new(&with_policy(dir.path()), Shipper::default().stage()).err().unwrap();
    let StartError::BadPolicy { line, column, .. } = &refused else { panic!("{refused:?}") };
    assert!(*line == 5 && *column > 1, "{line}:{column}");
    let said = refused.to_string();
    assert!(said.contains(&format!("it.yaml:{line}:{column}: ")) && said.contains("Sometimes"), "{said}");
}

#[test]
fn checking_the_configuration_checks_the_policies_too() {
    let bad = policy(&["level: Sometimes"]);
    let section = "  routes: [{name: all, to: [lake], policy: POLICY(it)}]";
    let said = config(section, &[("it", &bad)]).0.unwrap_err();
    assert!(said.starts_with("auditrail.yaml:2:") && said.contains("it.yaml:4:"), "{said}");
}

#[test]
fn a_policy_that_is_not_there_is_named() {
    let (_, dir) = config("  in_flight: 1", &[]);
    let refused =
        Router::new(&with_policy(dir.path()), Shipper::default().stage()).err().unwrap().to_string();
    assert!(refused.contains("it.yaml cannot be read"), "{refused}");
}

#[test]
fn a_router_without_routes_is_refused_with_an_example() {
    let refused = Router::new(&Config::default(), Shipper::default().stage()).err().unwrap();
    assert!(
        matches!(refused, StartError::NoRoutes)
            && refused.to_string().contains("{name: everything, to: [lake]}")
    );
}

#[test]
fn unknown_keys_and_conditions_that_cannot_be_meant_are_refused_at_their_place() {
    for (section, line, word) in [
        ("  route: []", 2, "routes"),
        ("  routes:\n  - {name: a, to: [b], redact: yes}", 3, "redact"),
        ("  routes:\n  - name: a\n    to: [b]\n    match: {codes: [700]}", 5, "700"),
        ("  routes:\n  - {name: a, to: [b]}\n  - {name: a, to: [b]}", 4, "`a`"),
        ("  max_held: 5", 2, "MiB"),
        ("  in_flight: 0", 2, "in_flight"),
    ] {
        let said = config(section, &[]).0.unwrap_err();
        assert!(
            said.starts_with(&format!("auditrail.yaml:{line}:")) && said.contains(word),
            "{section}: {said}"
        );
    }
}

#[test]
fn a_process_of_its_own_needs_routes_in_its_section() {
    let text = "router:\n  in_flight: 2\n".to_owned();
    let read = chassis::Configuration::parse(std::path::Path::new("auditrail.yaml"), text, []).unwrap();
    assert!(read.section::<Config>().unwrap().routes.is_empty());
    let said = read.section::<router::Alone>().unwrap_err().to_string();
    assert!(said.starts_with("auditrail.yaml:") && said.contains("`router.routes` is empty"), "{said}");
}
