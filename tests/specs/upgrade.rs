//! Services are upgraded one after the other, in any order, while lines come: nothing is lost, and as every stop is a
//! clean one, nothing comes twice.
//!
//! The older version is this one without what it has newly: directories that no version is marked on. That older and
//! newer programs understand each other's calls is held by `proto/tests/compatible.rs`.
#![cfg(unix)]

use std::path::Path;

use tests::account::assert_same;
use tests::apiserver::ApiServer;
use tests::cluster::{Cluster, Layout, Setup};
use tests::fixture::{lossy, slices, superset};
use tests::intake::{Intake, Mood};

/// Makes every directory below `dir` one that an older version left; says how many it were.
fn age(dir: &Path) -> usize {
    let mut aged = 0;
    for path in std::fs::read_dir(dir).into_iter().flatten().map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            aged += age(&path);
        } else if path.file_name().is_some_and(|name| name == "format") {
            std::fs::remove_file(path).unwrap();
            aged += 1;
        }
    }
    aged
}

async fn upgraded(order: [&'static str; 3]) {
    let intake = Intake::start(Mood::Accept).await;
    let mut cluster = Cluster::start(Layout::FourProcesses, &Setup::to_datadog(&intake.url())).await;
    let mut server = ApiServer::in_directory(&cluster.logs());
    let lines = superset();
    let mut parts = lines.chunks(lines.len().div_ceil(7));
    let mut write = |server: &mut ApiServer| server.write_all(slices(parts.next().unwrap_or_default()));
    for service in order {
        write(&mut server); // is on its way when the service is asked to stop
        cluster.stop_one(service);
        let aged = age(&cluster.directory().join(service));
        assert_eq!(aged > 0, service != "router", "{service} has {aged} directories");
        write(&mut server); // comes while it is away
        server.rotate();
        cluster.start_one(service);
        cluster.answers(service).await;
    }
    write(&mut server);
    cluster.settled(lines.len()).await;
    assert_same(&intake.messages(), &lossy(&lines));
}

#[tokio::test(flavor = "multi_thread")]
async fn services_that_are_upgraded_one_after_the_other_in_any_order_lose_and_repeat_nothing() {
    const ORDERS: [[&str; 3]; 6] = [
        ["collector", "router", "shipper"],
        ["collector", "shipper", "router"],
        ["router", "collector", "shipper"],
        ["router", "shipper", "collector"],
        ["shipper", "collector", "router"],
        ["shipper", "router", "collector"],
    ];
    for order in ORDERS {
        upgraded(order).await;
    }
}
