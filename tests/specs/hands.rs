//! The operator's hands on the shipper, by the commands: dead letters, holds, receipts.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Output;

use serde_json::Value;
use tests::apiserver::ApiServer;
use tests::cluster::{Cluster, Layout, Setup};
use tests::eventually::eventually;
use tests::fixture::{lossy, renamed, slices, superset};
use tests::in_both_layouts;
use tests::intake::{Intake, Mood};
use tests::process::command;

in_both_layouts!(
    dead_letters_are_edited_sent_again_and_dropped_and_the_account_follows,
    a_hold_survives_a_kill_and_its_release_lets_everything_go,
    what_was_sent_of_an_event_is_proven_while_services_run_and_when_none_does
);

/// A command on the cluster's configuration.
fn run(cluster: &Cluster, arguments: &[&str]) -> Output {
    let mut command = command("auditrail");
    command.args(arguments).arg("--config").arg(cluster.config());
    command.arg("--data").arg(cluster.directory().join("data")).output().unwrap()
}

/// What it printed as JSON, when it ended well.
fn json(cluster: &Cluster, arguments: &[&str]) -> Value {
    let run = run(cluster, &[arguments, &["-o", "json"]].concat());
    assert!(run.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&run.stderr));
    serde_json::from_slice(&run.stdout).unwrap()
}

fn shipper(layout: Layout) -> &'static str {
    if layout == Layout::OneProcess { "auditrail" } else { "shipper" }
}

/// The letters, when there are so many.
async fn letters(cluster: &Cluster, wanted: usize) -> Vec<Value> {
    eventually("so many dead letters are listed", async || {
        let list = json(cluster, &["dead-letters", "list", "--destination", "datadog"]);
        let list = list.as_array().unwrap().clone();
        if list.len() == wanted { Ok(list) } else { Err(format!("{list:#?}")) }
    })
    .await
}

async fn dead_letters_are_edited_sent_again_and_dropped_and_the_account_follows(layout: Layout) {
    let mut lines = superset()[..200].to_vec();
    for guilty in [10, 20, 30, 40] {
        lines[guilty] = renamed(&lines[guilty], b"deadbeef");
    }
    let intake = Intake::start(Mood::Poisoned("\"auditID\":\"deadbeef".into())).await;
    let mut cluster = Cluster::start(layout, &Setup::to_datadog(&intake.url())).await;
    ApiServer::in_directory(&cluster.logs()).write_all(slices(&lines));
    let row = cluster.settled(lines.len()).await.remove(0);
    assert_eq!((row.dead.events, row.delivered.events), (4, 196));
    let ids: Vec<String> =
        letters(&cluster, 4).await.iter().map(|letter| letter["id"].as_str().unwrap().to_owned()).collect();

    let event = run(&cluster, &["dead-letters", "show", &ids[0], "--event"]).stdout;
    let table = run(&cluster, &["dead-letters", "show", &ids[0]]).stdout;
    assert!(String::from_utf8(table).unwrap().contains("Cause: rejected (400)"));
    let edited = String::from_utf8(event).unwrap().replace("deadbeef", "0ddba115");
    let file = cluster.directory().join("edited.json");
    std::fs::write(&file, &edited).unwrap();
    let file = file.to_str().unwrap();
    let done = json(&cluster, &["dead-letters", "retry", "--id", &ids[0], "--edit", file]);
    assert_eq!(done["retried"], 1);
    assert_eq!(json(&cluster, &["dead-letters", "drop", "--id", &ids[1]])["dropped"], 1);
    let again = run(&cluster, &["dead-letters", "drop", "--id", &ids[1]]);
    assert_eq!(again.status.code(), Some(1), "what is gone is said, and is no success");
    assert_eq!(
        run(&cluster, &["dead-letters", "drop"]).status.code(),
        Some(64),
        "nothing is dropped unnamed"
    );

    intake.becomes(Mood::Accept);
    let done = json(&cluster, &["dead-letters", "retry", "--destination", "datadog", "--cause", "rejected"]);
    assert_eq!(done["retried"], 2);
    cluster.kill(shipper(layout));
    cluster.start_all().await;

    let row = cluster.settled(lines.len()).await.remove(0);
    assert_eq!((row.delivered.events, row.dead.events), (199, 1));
    assert_eq!(row.dead_by["rejected (400), dropped"].events, 1);
    letters(&cluster, 0).await;
    let arrived: BTreeSet<String> = intake.messages().into_iter().collect();
    assert!(arrived.contains(edited.trim_end()), "the edited event arrived");
    let missing = lossy(&lines).iter().filter(|line| !arrived.contains(*line)).count();
    assert_eq!(missing, 2, "the edited one and the dropped one");
}

async fn a_hold_survives_a_kill_and_its_release_lets_everything_go(layout: Layout) {
    let intake = Intake::start(Mood::Accept).await;
    let mut cluster = Cluster::start(layout, &Setup::to_datadog(&intake.url())).await;
    let held = json(&cluster, &["hold", "datadog", "--reason", "moving"]);
    assert_eq!((&held["held_by_operator"], &held["state"]), (&true.into(), &"held".into()));
    let lines = superset();
    ApiServer::in_directory(&cluster.logs()).write_all(slices(&lines));
    spooled(&cluster, lines.len()).await;
    cluster.kill(shipper(layout));
    cluster.start_all().await;
    spooled(&cluster, lines.len()).await;
    let status = String::from_utf8(run(&cluster, &["status"]).stdout).unwrap();
    assert!(status.contains("held by the operator") && status.contains("(moving)"), "{status}");
    assert!(intake.messages().is_empty());

    let released = run(&cluster, &["hold", "release", "datadog"]);
    assert!(released.status.success(), "{}", String::from_utf8_lossy(&released.stderr));
    cluster.settled(lines.len()).await;
    assert_eq!(intake.messages().len(), lines.len());
    assert_eq!(run(&cluster, &["hold", "typo"]).status.code(), Some(1));
}

/// Waits until so many lines are in the spool.
async fn spooled(cluster: &Cluster, lines: usize) {
    eventually("all lines are spooled", async || {
        let services = cluster.status().await;
        let accounts = services.iter().flat_map(|service| &service.destinations).flat_map(|to| &to.accounts);
        let events: u64 = accounts.filter_map(|account| account.spooled).map(|count| count.events).sum();
        if events == lines as u64 { Ok(()) } else { Err(format!("{events} events")) }
    })
    .await;
}

async fn what_was_sent_of_an_event_is_proven_while_services_run_and_when_none_does(layout: Layout) {
    let intake = Intake::start(Mood::Accept).await;
    let place = tempfile::tempdir().unwrap();
    let mut setup = Setup::to_datadog(&intake.url())
        .and("lake", &format!("{{type: lake, url: '{}'}}", place.path().join("lake").display()));
    setup.routes =
        Some("[{name: all, to: [lake]}, {name: some, match: {verbs: [create]}, to: [datadog]}]".to_owned());
    let mut cluster = Cluster::start(layout, &setup).await;
    let lines = superset();
    ApiServer::in_directory(&cluster.logs()).write_all(slices(&lines));
    cluster.settled(lines.len()).await;
    let sent = audit_id(intake.messages().iter().map(String::as_str)).unwrap();
    let arrived: BTreeSet<String> = intake.messages().into_iter().collect();
    let lossy = lossy(&lines);
    let unsent = audit_id(lossy.iter().filter(|line| !arrived.contains(*line)).map(String::as_str)).unwrap();

    for runs in [true, false] {
        if !runs {
            cluster.processes().iter().for_each(|name| cluster.kill(name));
        }
        for (id, expected) in [(&sent, &["datadog", "lake"][..]), (&unsent, &["lake"][..])] {
            let chains = json(&cluster, &["prove", "--audit-id", id]);
            let receipts = |chain: &Value| chain["receipts"].as_array().unwrap().clone();
            let all: Vec<Value> = chains.as_array().unwrap().iter().flat_map(receipts).collect();
            let to: BTreeSet<&str> =
                all.iter().map(|receipt| receipt["destination"].as_str().unwrap()).collect();
            assert!(to.iter().eq(expected), "{id}, running: {runs}: {chains:#}");
            assert!(all.iter().all(|receipt| receipt["sha256"].as_str().unwrap().len() == 64));
        }
        let table = run(&cluster, &["prove", "--audit-id", &sent]);
        let table = String::from_utf8(table.stdout).unwrap();
        assert!(table.contains("datadog: answered 202") && table.contains("lake: written"), "{table}");
        let none = run(&cluster, &["prove", "--audit-id", "no-such-request"]);
        assert_eq!(none.status.code(), Some(1));
        assert!(String::from_utf8_lossy(&none.stderr).contains("no-such-request"));
    }
    remove_receipts(&cluster.directory().join("shipper"));
    let unproven = run(&cluster, &["prove", "--audit-id", &sent]);
    assert_eq!(unproven.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&unproven.stdout).contains("no receipt"));
}

/// The audit ID of the first event whose request has no other in these lines.
fn audit_id<'a>(lines: impl Iterator<Item = &'a str>) -> Option<String> {
    let mut ids = lines.filter_map(|line| {
        let event: Value = serde_json::from_str(line).ok()?;
        Some(event["auditID"].as_str()?.to_owned())
    });
    ids.next()
}

fn remove_receipts(spools: &Path) {
    for name in ["datadog", "lake"] {
        std::fs::remove_dir_all(spools.join(name).join("receipts")).unwrap();
    }
}
