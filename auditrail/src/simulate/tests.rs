//! Simulations of real recordings, as the command tells them.

use std::path::{Path, PathBuf};

use super::*;
use crate::recording::Recording;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures").join(name)
}

fn policy(name: &str) -> Policy {
    policy_file::check(&fixture(name)).unwrap().policy
}

fn told(policies: &[Policy], recording: &Recording, threads: usize) -> (String, serde_json::Value) {
    let (simulation, bad) = replay(recording, threads, || Simulation::of(policies)).unwrap();
    let prices = crate::price::Prices { price_per_gb: 0.10, price_per_million: 1.70 };
    let pricing = Pricing::of(prices, simulation.recorded().times);
    let names = (0..policies.len()).map(|index| format!("{index}.yaml")).collect();
    let simulated = Simulated { simulation, names, policies, pricing, bad, watched: None };
    (table::text(&simulated), report::report(&simulated))
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let policies = [policy("datadog.yaml"), policy("rnd-1.yaml")];
    let files = ["small.log.zst", "twin-superset.log.zst", "real.log.zst"].map(fixture).into();
    let recording = Recording { files, ..Recording::default() };
    let alone = told(&policies, &recording, 1);
    for threads in [2, 7] {
        assert_eq!(told(&policies, &recording, threads), alone);
    }
    assert!(alone.0.contains("disappears: ") && alone.0.contains("USD a month"), "{}", alone.0);
}

#[test]
fn a_list_of_events_counts_as_its_events() {
    let scratch = tempfile::tempdir().unwrap();
    let log = scratch.path().join("posted.log");
    let event = r#"{"level":"Metadata","auditID":"a","stage":"ResponseComplete","requestURI":"/","verb":"get","user":{}}"#;
    let list = format!(
        r#"{{"kind":"EventList","apiVersion":"audit.k8s.io/v1","metadata":{{}},"items":[{event},{event}]}}"#
    );
    std::fs::write(&log, format!("{list}\n{event}\n\nno event\n")).unwrap();
    let recording = Recording { files: vec![log], ..Recording::default() };
    let (_, report) = told(&[policy("datadog.yaml")], &recording, 2);
    assert_eq!((&report["recorded"]["events"], &report["recorded"]["notEvents"]), (&3.into(), &1.into()));
    // A single moment says nothing of a month.
    assert!(report["month"]["factor"].is_null() && report["policies"][0]["usdPerMonth"].is_null());
}

#[test]
fn only_events_of_the_time_asked_for_are_counted() {
    let files = vec![fixture("small.log.zst")];
    let all =
        told(&[policy("datadog.yaml")], &Recording { files: files.clone(), ..Recording::default() }, 1).1;
    let middle: crate::moment::Moment = all["recorded"]["newest"].as_str().unwrap().parse().unwrap();
    let before = Recording { files: files.clone(), until: Some(middle), ..Recording::default() };
    let after = Recording { files, since: Some(middle), ..Recording::default() };
    let events =
        |recording| told(&[policy("datadog.yaml")], recording, 2).1["recorded"]["events"].as_u64().unwrap();
    assert!(events(&before) > 0 && events(&after) > 0);
    assert_eq!(events(&before) + events(&after), all["recorded"]["events"].as_u64().unwrap());
}

#[test]
fn what_a_recording_cannot_tell_is_said() {
    let scratch = tempfile::tempdir().unwrap();
    let log = scratch.path().join("audit.log");
    let event = r#"{"level":"Metadata","stage":"ResponseComplete","verb":"get","user":{}}"#;
    std::fs::write(&log, format!("{event}\n")).unwrap();
    let full = Policy::load("apiVersion: audit.k8s.io/v1\nrules: [{level: Request}]\n").unwrap().policy;
    let (text, report) = told(&[full], &Recording { files: vec![log], ..Recording::default() }, 1);
    let unknown = report["unknown"].to_string();
    for said in
        ["no policy brings them back", "1 events were recorded at a lower level", "want RequestReceived"]
    {
        assert!(unknown.contains(said) && text.contains(said), "{said}: {text}");
    }
}
