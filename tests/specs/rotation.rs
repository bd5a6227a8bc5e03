//! The log rotates under the collector, and nothing is skipped or read twice.

use tests::account::assert_same;
use tests::apiserver::ApiServer;
use tests::cluster::{Cluster, Layout, Setup};
use tests::fixture::{lossy, slices, superset};
use tests::in_both_layouts;
use tests::intake::{Intake, Mood};

in_both_layouts!(
    rotations_while_following_lose_and_repeat_nothing,
    rotations_while_down_are_caught_up_in_order,
    a_log_that_appears_later_is_waited_for_and_said_in_status,
);

async fn rotations_while_following_lose_and_repeat_nothing(layout: Layout) {
    let intake = Intake::start(Mood::Accept).await;
    let cluster = Cluster::start(layout, &Setup::to_datadog(&intake.url())).await;
    let mut server = ApiServer::in_directory(&cluster.logs()).rotating_at(100_000);
    let lines = superset();
    server.write_all(slices(&lines));

    cluster.settled(lines.len()).await;

    assert_same(&intake.messages(), &lossy(&lines));
}

async fn rotations_while_down_are_caught_up_in_order(layout: Layout) {
    let intake = Intake::start(Mood::Accept).await;
    let mut cluster = Cluster::start(layout, &Setup::to_datadog(&intake.url())).await;
    let mut server = ApiServer::in_directory(&cluster.logs());
    let lines = superset();
    let (before, after) = lines.split_at(lines.len() / 2);
    server.write_all(slices(before));
    cluster.settled(before.len()).await;

    cluster.kill(cluster.processes()[0]);
    let mut parts = after.chunks(after.len() / 3);
    let first = server.rotate();
    server.write_all(slices(parts.next().unwrap()));
    let second = server.rotate();
    server.write_all(slices(parts.next().unwrap()));
    server.rotate();
    parts.for_each(|part| server.write_all(slices(part)));
    ApiServer::compress(&first);
    ApiServer::compress(&second);
    cluster.start_all().await;

    cluster.settled(lines.len()).await;
    assert_same(&intake.messages(), &lossy(&lines));
}

async fn a_log_that_appears_later_is_waited_for_and_said_in_status(layout: Layout) {
    let intake = Intake::start(Mood::Accept).await;
    let cluster = Cluster::start(layout, &Setup::to_datadog(&intake.url())).await;
    let path = cluster.logs().join("audit.log").display().to_string();
    tests::eventually::eventually("status says what it waits for", async || {
        let problems: Vec<_> =
            cluster.status().await.into_iter().flat_map(|service| service.problems).collect();
        if problems.iter().any(|problem| problem.contains(&path)) {
            Ok(())
        } else {
            Err(format!("{problems:?}"))
        }
    })
    .await;

    let lines = &superset()[..10];
    ApiServer::in_directory(&cluster.logs()).write_all(slices(lines));

    cluster.settled(lines.len()).await;
    assert_same(&intake.messages(), &lossy(lines));
}
