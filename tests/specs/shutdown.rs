//! Promise 3: a clean stop gives no duplicate and no gap.
#![cfg(unix)]

use tests::account::assert_same;
use tests::apiserver::ApiServer;
use tests::cluster::{Cluster, Layout, Setup};
use tests::fixture::{lossy, slices, superset};
use tests::in_both_layouts;
use tests::intake::{Intake, Mood};

in_both_layouts!(stopping_and_starting_repeats_and_skips_nothing);

async fn stopping_and_starting_repeats_and_skips_nothing(layout: Layout) {
    let intake = Intake::start(Mood::Accept).await;
    let mut cluster = Cluster::start(layout, &Setup::to_datadog(&intake.url())).await;
    let mut server = ApiServer::in_directory(&cluster.logs());
    let lines = superset();
    for part in lines.chunks(lines.len() / 3) {
        server.write_all(slices(part));
        cluster.stop_all();
        cluster.start_all().await;
    }

    cluster.settled(lines.len()).await;
    assert_same(&intake.messages(), &lossy(&lines));
}
