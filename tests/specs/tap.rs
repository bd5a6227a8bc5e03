//! Watching events as they pass.

use std::process::Stdio;

use serde_json::Value;
use tests::apiserver::ApiServer;
use tests::cluster::{Cluster, Layout, Setup};
use tests::eventually::eventually;
use tests::fixture::{slices, superset};
use tests::in_both_layouts;
use tests::intake::{Intake, Mood};
use tests::process::command;

in_both_layouts!(a_tap_shows_what_was_asked_for_with_its_fate_and_holds_up_neither_the_pipe_nor_a_stop);

async fn a_tap_shows_what_was_asked_for_with_its_fate_and_holds_up_neither_the_pipe_nor_a_stop(
    layout: Layout,
) {
    let intake = Intake::start(Mood::Accept).await;
    let mut cluster = Cluster::start(layout, &Setup::to_datadog(&intake.url())).await;
    let tap = |arguments: &[&str]| {
        let mut command = command("auditrail");
        command.arg("tap").args(arguments).arg("--config").arg(cluster.config());
        command.arg("--data").arg(cluster.directory().join("data"));
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let mut limited = tap(&["--where", "verbs: [create]", "--limit", "3", "--json"]);
    let mut endless = tap(&[]);
    let lines = superset()[..300].to_vec();
    let mut server = ApiServer::in_directory(&cluster.logs());
    let mut written = 0;
    eventually("the tap has seen enough", async || {
        server.write_all(slices(&lines));
        written += lines.len();
        cluster.settled(written).await;
        if limited.try_wait().unwrap().is_some() { Ok(()) } else { Err("it waits for events".into()) }
    })
    .await;
    let output = limited.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let told: Vec<Value> = output
        .stdout
        .split(|byte| *byte == b'\n')
        .filter_map(|line| serde_json::from_slice(line).ok())
        .collect();
    assert_eq!(told.len(), 3);
    for event in &told {
        assert_eq!(event["event"]["verb"], "create", "{event}");
        assert_eq!(event["destinations"][0]["destination"], "datadog");
        assert_eq!(event["destinations"][0]["kept"], true);
    }
    assert!(endless.try_wait().unwrap().is_none(), "a tap without a limit goes on");
    cluster.processes().iter().for_each(|name| cluster.kill(name));
    let output = endless.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(intake.messages().len(), written);
}
