//! A request to the API server with an `Audit-ID` of ours, on its way to the intake.

use std::process::Output;

use proto::v1::ServiceStatus;
use tests::answering::Answering;
use tests::apiserver::ApiServer;
use tests::cluster::{Cluster, Layout, Setup};
use tests::eventually::eventually;
use tests::in_both_layouts;
use tests::intake::{Intake, Mood};
use tests::port::free_port;
use tests::process::command;

in_both_layouts!(
    a_canary_is_measured_from_its_call_to_the_intake_and_its_numbers_follow_each_other,
    a_call_by_hand_tells_each_step_and_what_keeps_it
);

/// The services before an API server that answers.
async fn before(layout: Layout, intake: &str, routes: Option<&str>) -> (Cluster, Answering) {
    let mut setup = Setup::to_datadog(intake);
    setup.routes = routes.map(str::to_owned);
    let mut cluster = Cluster::new(layout, &setup);
    let apiserver = Answering::start(ApiServer::in_directory(&cluster.logs()));
    let called = format!("collector:\n  canary: {{server: '{}', every: 1s}}\n", apiserver.url());
    let config = std::fs::read_to_string(cluster.config()).unwrap().replacen("collector:\n", &called, 1);
    std::fs::write(cluster.config(), config).unwrap();
    cluster.start_all().await;
    (cluster, apiserver)
}

async fn a_canary_is_measured_from_its_call_to_the_intake_and_its_numbers_follow_each_other(layout: Layout) {
    let intake = Intake::start(Mood::Refuse(503)).await;
    let (cluster, apiserver) = before(layout, &intake.url(), None).await;
    let read = |services: &[ServiceStatus]| {
        services.iter().find_map(|service| service.canary.clone()).map_or(0, |canary| canary.read)
    };
    eventually("two canaries are read", async || {
        let services = cluster.status().await;
        if read(&services) >= 2 { Ok(()) } else { Err(format!("{services:?}\n{}", cluster.all_words())) }
    })
    .await;
    let delivered = |services: &[ServiceStatus]| -> Vec<String> {
        let destinations = services.iter().flat_map(|service| &service.destinations);
        destinations.flat_map(|to| &to.canaries).map(|canary| canary.id.clone()).collect()
    };
    assert!(delivered(&cluster.status().await).is_empty(), "an intake that refuses has none");

    intake.becomes(Mood::Accept);
    let asked = apiserver.asked();
    eventually("the first two canaries arrive", async || {
        let arrived = delivered(&cluster.status().await);
        let have = asked[..2].iter().all(|id| arrived.contains(id));
        if have { Ok(()) } else { Err(format!("{arrived:?}\n{}", cluster.all_words())) }
    })
    .await;
    let (run, first) = asked[0].rsplit_once('-').unwrap();
    assert!(run.starts_with("auditrail-canary-") && first == "1", "{asked:?}");
    for (id, number) in asked.iter().zip(1..) {
        assert_eq!(*id, format!("{run}-{number}"), "{asked:?}");
    }
    for service in cluster.status().await {
        for canary in service.destinations.iter().flat_map(|to| &to.canaries) {
            assert!(canary.delivered_us >= canary.received_us, "{canary:?}");
            assert!(intake.items().iter().any(|item| item.message.contains(&canary.id)), "{canary:?}");
        }
    }
    let text = ran(&cluster, "status", &[]);
    let text = String::from_utf8_lossy(&text.stdout);
    assert!(text.contains("Canary: delivered ") && text.contains("In the Log After: "), "{text}");
}

async fn a_call_by_hand_tells_each_step_and_what_keeps_it(layout: Layout) {
    let intake = Intake::start(Mood::Accept).await;
    let (cluster, apiserver) = before(layout, &intake.url(), None).await;
    let done = ran(&cluster, "canary", &[]);
    let text = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success(), "{text}{}", String::from_utf8_lossy(&done.stderr));
    for expected in ["GET /version at ", "answered", "read ", "delivered", "datadog"] {
        assert!(text.contains(expected), "{expected} is not in\n{text}");
    }

    let json = ran(&cluster, "canary", &["--json", "--destination", "elsewhere", "--timeout", "1s"]);
    assert_eq!(json.status.code(), Some(1));
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert!(json["why"][0].as_str().unwrap().contains("no shipper has a destination of this name"), "{json}");
    assert_eq!(json["answer"], 200);

    let elsewhere = tempfile::tempdir().unwrap();
    let other = Answering::start(ApiServer::in_directory(elsewhere.path()));
    let lost = ran(&cluster, "canary", &["--server", other.url(), "--timeout", "1s"]);
    let text = String::from_utf8_lossy(&lost.stdout);
    assert_eq!(lost.status.code(), Some(1), "{text}");
    assert!(
        text.contains("no collector read its line within 1s: does the audit policy log GET /version"),
        "{text}"
    );

    let nobody = format!("http://127.0.0.1:{}", free_port());
    let refused = ran(&cluster, "canary", &["--server", &nobody]);
    assert_eq!(refused.status.code(), Some(1));
    let text = String::from_utf8_lossy(&refused.stderr);
    assert!(text.contains("not sent"), "{text}");
    drop(apiserver);
}

/// A command of ours, with the configuration of these services.
fn ran(cluster: &Cluster, name: &str, arguments: &[&str]) -> Output {
    command("auditrail").arg(name).arg("--config").arg(cluster.config()).args(arguments).output().unwrap()
}
