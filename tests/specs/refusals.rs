//! What the intake does not take: no answer loses an event, and each has its consequence.

use tests::account::assert_same;
use tests::apiserver::ApiServer;
use tests::cluster::{Cluster, Layout, Setup};
use tests::eventually::eventually;
use tests::fixture::{lossy, slices, superset};
use tests::in_both_layouts;
use tests::intake::{Intake, Mood};

in_both_layouts!(
    a_wrong_key_holds_the_destination_and_loses_nothing,
    the_guilty_event_becomes_a_dead_letter_and_its_neighbours_arrive,
    a_body_that_is_too_large_is_split,
    one_sick_destination_harms_no_other,
);

async fn a_wrong_key_holds_the_destination_and_loses_nothing(layout: Layout) {
    let intake = Intake::start(Mood::Refuse(403)).await;
    let mut cluster = Cluster::start(layout, &Setup::to_datadog(&intake.url())).await;
    let lines = &superset()[..300];
    ApiServer::in_directory(&cluster.logs()).write_all(slices(lines));
    eventually("status says that the destination is held", async || {
        let services = cluster.status().await;
        let states: Vec<_> =
            services.iter().flat_map(|service| &service.destinations).map(|d| d.state.clone()).collect();
        if states.contains(&"held".to_owned()) { Ok(()) } else { Err(format!("{states:?}")) }
    })
    .await;

    intake.becomes(Mood::Accept);
    let shipper = *cluster.processes().iter().find(|name| ["auditrail", "shipper"].contains(*name)).unwrap();
    cluster.kill(shipper);
    cluster.start_all().await;

    cluster.settled(lines.len()).await;
    assert_same(&intake.messages(), &lossy(lines));
}

async fn the_guilty_event_becomes_a_dead_letter_and_its_neighbours_arrive(layout: Layout) {
    let lines = &superset()[..300];
    let guilty = String::from_utf8_lossy(&lines[137]).into_owned();
    let id: serde_json::Value = serde_json::from_str(&guilty).unwrap();
    let word = format!("{}\",\"stage\":{}", id["auditID"].as_str().unwrap(), id["stage"]);
    let intake = Intake::start(Mood::Poisoned(word)).await;
    let cluster = Cluster::start(layout, &Setup::to_datadog(&intake.url())).await;
    ApiServer::in_directory(&cluster.logs()).write_all(slices(lines));

    let account = cluster.settled(lines.len()).await;

    assert_eq!((account[0].dead.events, account[0].dead.bytes), (1, lines[137].len() as u64 + 1));
    let mut innocent = lines.to_vec();
    innocent.remove(137);
    assert_same(&intake.messages(), &lossy(&innocent));
}

async fn a_body_that_is_too_large_is_split(layout: Layout) {
    let intake = Intake::start(Mood::AtMost(40)).await;
    let cluster = Cluster::start(layout, &Setup::to_datadog(&intake.url())).await;
    let lines = &superset()[..300];
    ApiServer::in_directory(&cluster.logs()).write_all(slices(lines));

    cluster.settled(lines.len()).await;

    assert_same(&intake.messages(), &lossy(lines));
}

async fn one_sick_destination_harms_no_other(layout: Layout) {
    let (well, sick) = (Intake::start(Mood::Accept).await, Intake::start(Mood::Hang).await);
    let setup =
        Setup::to_datadog(&well.url()).and("sick", &format!("{{type: datadog, url: '{}'}}", sick.url()));
    let cluster = Cluster::start(layout, &setup).await;
    let lines = superset();
    ApiServer::in_directory(&cluster.logs()).write_all(slices(&lines));

    eventually("all lines are at the destination that is well", async || {
        let arrived = well.messages().len();
        if arrived == lines.len() { Ok(()) } else { Err(format!("{arrived} lines")) }
    })
    .await;

    assert_same(&well.messages(), &lossy(&lines));
    assert!(sick.messages().is_empty());
    sick.becomes(Mood::Accept);
    cluster.settled(lines.len()).await;
    assert_same(&sick.messages(), &lossy(&lines));
}
