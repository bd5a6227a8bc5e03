//! One service after the other is stopped and started, as an upgrade does it, while lines come in.

use proto::is_serving;
use tests::account::assert_same;
use tests::apiserver::ApiServer;
use tests::cluster::{Cluster, Layout, Setup};
use tests::eventually::eventually;
use tests::fixture::{lossy, slices, superset};
use tests::intake::{Intake, Mood};
use tests::probe::probed;

#[tokio::test(flavor = "multi_thread")]
async fn services_that_are_restarted_one_after_the_other_under_load_lose_and_repeat_nothing() {
    let intake = Intake::start(Mood::Accept).await;
    for order in [
        ["shipper", "router", "collector"],
        ["collector", "router", "shipper"],
        ["router", "shipper", "collector"],
    ] {
        let mut cluster = Cluster::start(Layout::FourProcesses, &Setup::to_datadog(&intake.url())).await;
        let mut server = ApiServer::in_directory(&cluster.logs());
        let (lines, before) = (superset(), intake.messages().len());
        let mut parts = lines.chunks(lines.len() / 7 + 1);
        for name in order {
            server.write_all(slices(parts.next().unwrap()));
            cluster.ask_to_stop(name);
            server.write_all(slices(parts.next().unwrap()));
            cluster.ended(name);
            cluster.start_all().await;
        }
        parts.for_each(|part| server.write_all(slices(part)));
        let rows = cluster.settled(lines.len()).await;
        assert!(rows.iter().all(|row| row.repeated_batches == 0), "{rows:#?}");
        assert_same(&intake.messages()[before..], &lossy(&lines));
        cluster.stop_all();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_is_asked_to_end_says_that_it_is_not_ready_while_it_still_answers() {
    let intake = Intake::start(Mood::Accept).await;
    let mut setup = Setup::to_datadog(&intake.url());
    // Long enough for a slow machine; nothing waits for its end.
    setup.router = "  linger: 60s\n".to_owned();
    let cluster = Cluster::start(Layout::FourProcesses, &setup).await;
    let (probes, calls) = (cluster.http("router"), cluster.router());
    assert!(probed(&probes, "/readyz").unwrap().starts_with("HTTP/1.1 200"));
    assert!(is_serving(&calls).await.unwrap());
    cluster.ask_to_stop("router");
    eventually("it says that it is not ready", async || {
        let answer = probed(&probes, "/readyz").unwrap_or_default();
        let is_down = answer.starts_with("HTTP/1.1 503") && answer.contains("asked to end");
        if is_down { Ok(()) } else { Err(answer) }
    })
    .await;
    eventually("callers are told, too", async || match is_serving(&calls).await {
        Ok(false) => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await;
    assert!(probed(&probes, "/livez").unwrap().starts_with("HTTP/1.1 200"));
    let mut server = ApiServer::in_directory(&cluster.logs());
    let lines = superset();
    server.write_all(slices(&lines[..50]));
    cluster.settled(50).await;
}
