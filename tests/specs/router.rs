//! What the router does besides policies and routes: rules that change while it works. Every line keeps its account.

use std::collections::BTreeSet;

use tests::apiserver::ApiServer;
use tests::cluster::{Cluster, Layout, Setup};
use tests::eventually::eventually;
use tests::fixture::{directory, slices, superset};
use tests::in_both_layouts;
use tests::intake::{Intake, Mood};

/// How a fingerprint begins.
const REDACTED: &str = "<redacted:hmac:";

in_both_layouts!(
    a_policy_that_changes_while_events_pass_loses_none,
    what_processing_rules_of_the_router_leave_out_is_named_for_each_destination,
    what_is_sampled_redacted_and_repeated_is_accounted_for
);

async fn a_policy_that_changes_while_events_pass_loses_none(layout: Layout) {
    let intake = Intake::start(Mood::Accept).await;
    let place = tempfile::tempdir().unwrap();
    let policy = place.path().join("policy.yaml");
    std::fs::copy(directory().join("datadog.yaml"), &policy).unwrap();
    let cluster = Cluster::start(layout, &Setup::to_datadog(&intake.url()).policy(policy.clone())).await;
    let lines = superset();
    let mut server = ApiServer::in_directory(&cluster.logs());
    server.write_all(slices(&lines));
    let before = cluster.settled(lines.len()).await.remove(0);

    std::fs::write(&policy, "kind: Policy\nrules: [{level: Sometimes}]\n").unwrap();
    eventually("the bad policy is shown", async || {
        let problems = in_force(&cluster).await.problem;
        if problems.contains("policy.yaml:") { Ok(()) } else { Err(problems) }
    })
    .await;
    let good = "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: None}]\n";
    std::fs::write(&policy, good).unwrap();
    eventually("the mended policy is in force", async || {
        let told = in_force(&cluster).await;
        if told.problem.is_empty() && told.rules == 1 { Ok(()) } else { Err(format!("{told:?}")) }
    })
    .await;
    server.write_all(slices(&lines));

    let after = cluster.settled(2 * lines.len()).await.remove(0);
    assert_eq!(after.delivered, before.delivered);
    assert_eq!(after.filtered.events, before.filtered.events + lines.len() as u64);
    assert_eq!(intake.messages().len() as u64, before.delivered.events);
}

async fn in_force(cluster: &Cluster) -> proto::v1::PolicyStatus {
    cluster.status().await.into_iter().find_map(|service| service.policy).unwrap_or_default()
}

async fn what_processing_rules_of_the_router_leave_out_is_named_for_each_destination(layout: Layout) {
    let (all, some) = (Intake::start(Mood::Accept).await, Intake::start(Mood::Accept).await);
    let mut setup =
        Setup::to_datadog(&all.url()).and("some", &format!("{{type: datadog, url: '{}'}}", some.url()));
    setup.routes =
        Some("[{name: all, to: [datadog]}, {name: refused, match: {codes: [4xx]}, to: [some]}]".to_owned());
    setup.router = [
        "  processing_rules:",
        r#"  - {type: exclude_at_match, name: no watches, pattern: '"verb":"watch"'}"#,
        r#"  - {type: mask_sequences, name: agents, pattern: '("userAgent":)"(?:[^"\\]|\\.)*"', replace_placeholder: '$1"-"'}"#,
        "",
    ]
    .join("\n");
    let cluster = Cluster::start(layout, &setup).await;
    let lines = superset();
    let watches = lines.iter().filter(|line| String::from_utf8_lossy(line).contains(r#""verb":"watch""#));
    let watches = watches.count() as u64;
    ApiServer::in_directory(&cluster.logs()).write_all(slices(&lines));

    let account = cluster.settled(lines.len()).await;

    let of = |name: &str| account.iter().find(|row| row.destination == name).unwrap();
    let by = |row: &str, cause: &str| of(row).filtered_by.get(cause).map_or(0, |amount| amount.events);
    let cause = "processing rule no watches";
    assert!(watches > 0);
    assert_eq!([by("datadog", cause), by("some", cause)], [watches; 2]);
    assert_eq!(of("datadog").delivered.events, lines.len() as u64 - watches);
    assert_eq!(of("some").delivered.events + by("some", "no route"), of("datadog").delivered.events);
    let masked = |line: &String| line.contains(r#""userAgent":"-""#) || !line.contains(r#""userAgent":"#);
    assert!(all.messages().iter().chain(&some.messages()).all(masked));
    assert_eq!(some.messages().len() as u64, of("some").delivered.events);
}

async fn what_is_sampled_redacted_and_repeated_is_accounted_for(layout: Layout) {
    let (all, some) = (Intake::start(Mood::Accept).await, Intake::start(Mood::Accept).await);
    let mut setup =
        Setup::to_datadog(&all.url()).and("some", &format!("{{type: datadog, url: '{}'}}", some.url()));
    setup.routes =
        Some("[{name: all, redact: all, to: [datadog]}, {name: some, sample: 0.1, to: [some]}]".to_owned());
    setup.router = "  dedupe_window: 100000\n".to_owned();
    let cluster = Cluster::start(layout, &setup).await;
    let lines = superset();
    let once = lines.iter().collect::<BTreeSet<_>>().len() as u64;
    let again = 2 * lines.len() as u64 - once;
    let mut server = ApiServer::in_directory(&cluster.logs());
    server.write_all(slices(&lines));
    cluster.settled(lines.len()).await;
    server.write_all(slices(&lines));

    let account = cluster.settled(2 * lines.len()).await;

    let of = |name: &str| account.iter().find(|row| row.destination == name).unwrap();
    let by = |row: &str, cause: &str| of(row).filtered_by.get(cause).map_or(0, |amount| amount.events);
    assert_eq!([by("datadog", "dedupe"), by("some", "dedupe")], [again; 2]);
    assert_eq!((of("datadog").delivered.events, by("datadog", "sample")), (once, 0));
    assert_eq!(of("some").delivered.events + by("some", "sample"), once);
    assert!(by("some", "sample") > 0);
    assert_eq!(some.messages().len() as u64, of("some").delivered.events);
    let redacted = all.messages().iter().filter(|line| line.contains(REDACTED)).count();
    assert!(redacted > 0 && !some.messages().iter().any(|line| line.contains(REDACTED)));
}
