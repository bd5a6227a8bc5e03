//! Promises 1 and 2: nothing is lost, and everything is accounted for.

use tests::account::{assert_none_lost, assert_same};
use tests::apiserver::ApiServer;
use tests::cluster::{Cluster, Layout, Setup};
use tests::eventually::eventually;
use tests::fixture::{lossy, real, slices, superset};
use tests::in_both_layouts;
use tests::intake::{Intake, Mood};

in_both_layouts!(
    every_line_arrives_once_byte_for_byte_and_is_accounted_for,
    killing_any_process_in_the_middle_loses_nothing,
    an_outage_of_the_intake_delays_events_and_loses_none,
    an_answer_that_is_lost_loses_no_event,
);

async fn every_line_arrives_once_byte_for_byte_and_is_accounted_for(layout: Layout) {
    let intake = Intake::start(Mood::Accept).await;
    let cluster = Cluster::start(layout, &Setup::to_datadog(&intake.url())).await;
    let lines = [real(), superset()].concat();
    ApiServer::in_directory(&cluster.logs()).write_all(slices(&lines));

    let account = cluster.settled(lines.len()).await;

    assert_same(&intake.messages(), &lossy(&lines));
    assert_eq!(intake.broken(), Vec::<String>::new());
    let bytes: usize = lines.iter().map(|line| line.len() + 1).sum();
    assert_eq!(account.len(), 1);
    assert_eq!((account[0].delivered.events, account[0].delivered.bytes), (lines.len() as u64, bytes as u64));
}

async fn killing_any_process_in_the_middle_loses_nothing(layout: Layout) {
    let intake = Intake::start(Mood::Accept).await;
    let mut cluster = Cluster::start(layout, &Setup::to_datadog(&intake.url())).await;
    let mut server = ApiServer::in_directory(&cluster.logs()).rotating_at(300_000);
    let lines = unique(&superset(), 4);
    let victims: Vec<_> = cluster.processes().iter().filter(|name| **name != "insight").collect();

    for (round, part) in lines.chunks(lines.len() / 6).enumerate() {
        let seen = intake.messages().len();
        server.write_all(slices(part));
        eventually("the part is on its way", async || {
            let arrived = intake.messages().len();
            if arrived > seen { Ok(()) } else { Err(format!("{arrived} of {}", lines.len())) }
        })
        .await;
        cluster.kill(victims[round % victims.len()]);
        cluster.start_all().await;
    }

    cluster.settled(lines.len()).await;
    assert_none_lost(&intake.messages(), &lossy(&lines));
}

async fn an_outage_of_the_intake_delays_events_and_loses_none(layout: Layout) {
    let intake = Intake::start(Mood::Refuse(503)).await;
    let cluster = Cluster::start(layout, &Setup::to_datadog(&intake.url())).await;
    let lines = real();
    ApiServer::in_directory(&cluster.logs()).write_all(slices(&lines));
    eventually("the intake was asked", async || {
        if intake.refused() > 1 { Ok(()) } else { Err(format!("{} times", intake.refused())) }
    })
    .await;

    intake.becomes(Mood::Accept);

    cluster.settled(lines.len()).await;
    assert_same(&intake.messages(), &lossy(&lines));
}

async fn an_answer_that_is_lost_loses_no_event(layout: Layout) {
    let intake = Intake::start(Mood::LoseAnswer).await;
    let cluster = Cluster::start(layout, &Setup::to_datadog(&intake.url())).await;
    let lines = real();
    ApiServer::in_directory(&cluster.logs()).write_all(slices(&lines));
    eventually(
        "an answer was lost",
        async || {
            if intake.bodies() > 0 { Ok(()) } else { Err("no body came".into()) }
        },
    )
    .await;

    intake.becomes(Mood::Accept);

    cluster.settled(lines.len()).await;
    assert_none_lost(&intake.messages(), &lossy(&lines));
}

/// The lines several times over, each made different by its number at the end.
fn unique(lines: &[Vec<u8>], times: usize) -> Vec<Vec<u8>> {
    let marked = |line: &Vec<u8>, number: usize| {
        let open = &line[..line.len() - 1];
        [open, format!(",\"number\":{number}}}").as_bytes()].concat()
    };
    (0..times * lines.len()).map(|number| marked(&lines[number % lines.len()], number)).collect()
}
