//! What probes and the status say of a process that is drained, that hangs, and that only seems to.

use std::process::Command;
use std::time::{Duration, Instant};

use proto::v1::DrainRequest;
use tests::apiserver::ApiServer;
use tests::cluster::{Cluster, Layout, Setup};
use tests::eventually::eventually;
use tests::fixture::{slices, superset};
use tests::in_both_layouts;
use tests::intake::{Intake, Mood};
use tests::port::free_port;
use tests::probe::{probed, says_yes};

in_both_layouts!(a_drained_process_is_not_ready_until_it_takes_in_again);

mod a_write_that_hangs_fails_livez_and_nothing_else_does {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    #[ignore = "takes more than five minutes: see tests/suites/livez.sh"]
    async fn joined_by_calls() {
        a_write_that_hangs(Layout::OneProcess).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    #[ignore = "takes more than five minutes: see tests/suites/livez.sh"]
    async fn as_four_processes() {
        a_write_that_hangs(Layout::FourProcesses).await;
    }
}

async fn a_drained_process_is_not_ready_until_it_takes_in_again(layout: Layout) {
    let intake = Intake::start(Mood::Accept).await;
    let cluster = Cluster::start(layout, &Setup::to_datadog(&intake.url())).await;
    for name in cluster.processes() {
        let (probes, calls) = (cluster.http(name), cluster.address(name));
        assert!(says_yes(&probes, "/readyz"), "{name}: {:?}", probed(&probes, "/readyz"));
        let mut admin = proto::connect_admin(&calls).unwrap();
        let drained = admin.drain(DrainRequest { seconds: 30, resume: false }).await.unwrap();
        assert!(drained.into_inner().drained, "{name}");

        let said = probed(&probes, "/readyz").unwrap();
        assert!(said.starts_with("HTTP/1.1 503") && said.contains("drain: an operator"), "{name}: {said}");
        assert!(!proto::is_serving(&calls).await.unwrap(), "{name}");
        assert!(says_yes(&probes, "/livez"), "{name}");
        let told = cluster.status().await;
        let of_it =
            told.iter().find(|service| !service.not_ready.is_empty()).expect("its status says so, too");
        assert!(of_it.problems.contains(&of_it.not_ready[0]), "{of_it:?}");

        admin.drain(DrainRequest { seconds: 0, resume: true }).await.unwrap();
        assert!(says_yes(&probes, "/readyz"), "{name}: {:?}", probed(&probes, "/readyz"));
        assert!(cluster.status().await.iter().all(|service| service.not_ready.is_empty()));
    }
}

/// Longer than a part may have work and make no step, by far.
const DEADLINE: Duration = Duration::from_secs(600);

/// How many writes to a destination came back with success, and how many without.
async fn attempts(cluster: &Cluster, destination: &str) -> (u64, u64) {
    let told = cluster.status().await;
    let found = told.iter().flat_map(|service| &service.destinations).find(|to| to.name == destination);
    found.map(|to| (to.requests, to.retries)).expect("the shipper has it")
}

async fn a_write_that_hangs(layout: Layout) {
    let place = tempfile::tempdir().unwrap();
    let pipe = place.path().join("pipe");
    // A write to a pipe that nobody reads hangs once the pipe is full, as one to a dead network disk does.
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let nobody = format!("http://127.0.0.1:{}", free_port());
    let setup =
        Setup::to_datadog(&nobody).and("pipe", &format!("{{type: file, path: '{}'}}", pipe.display()));
    let mut hangs = Cluster::new(layout, &setup);
    let mut down = Cluster::new(layout, &Setup::to_datadog(&nobody));
    let mut idle = Cluster::new(layout, &Setup::to_datadog(&nobody));
    // Written before anybody reads: a first batch that has room in the pipe would be written without a hang, and then fail
    // for good, since a pipe can neither be synced nor read again.
    for cluster in [&hangs, &down] {
        ApiServer::in_directory(&cluster.logs()).write_all(slices(&superset()));
    }
    let start = Instant::now();
    for cluster in [&mut hangs, &mut down, &mut idle] {
        cluster.start_all().await;
    }

    let with_shipper = if layout == Layout::OneProcess { "auditrail" } else { "shipper" };
    let probes = hangs.http(with_shipper);
    let said = loop {
        for (cluster, name) in [&hangs, &down, &idle]
            .into_iter()
            .flat_map(|one| one.processes().iter().map(move |name| (one, *name)))
        {
            let address = cluster.http(name);
            if address != probes {
                assert!(says_yes(&address, "/livez"), "{name}: {:?}", probed(&address, "/livez"));
            }
        }
        let said = probed(&probes, "/livez").unwrap();
        if !said.starts_with("HTTP/1.1 200") {
            break said;
        }
        assert_eq!(attempts(&hangs, "pipe").await, (0, 0), "the write came back");
        assert!(start.elapsed() < DEADLINE, "it hangs, and /livez says {said}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    };
    assert!(said.starts_with("HTTP/1.1 503"), "{said}");
    let line = said.lines().last().unwrap().to_owned();
    assert!(line.starts_with("destination `pipe` is stuck: it has events in its spool"), "{said}");
    assert!(!said.contains("datadog"), "{said}");
    assert!(start.elapsed() >= chassis::alive::PATIENCE, "it had {:?} only", start.elapsed());
    let told = hangs.status().await;
    let shipper = told.iter().find(|service| service.service == "shipper").unwrap();
    assert!(shipper.stuck[0].starts_with("destination `pipe` is stuck"), "{shipper:?}");
    assert!(shipper.problems.contains(&shipper.stuck[0]), "{shipper:?}");
    assert!(told.iter().all(|service| service.service == "shipper" || service.stuck.is_empty()), "{told:?}");

    // Somebody reads: the write comes back, and that is a step.
    let reads =
        std::thread::spawn(move || std::io::copy(&mut std::fs::File::open(pipe)?, &mut std::io::sink()));
    eventually("it lives again", async || {
        if says_yes(&probes, "/livez") { Ok(()) } else { Err(format!("{:?}", probed(&probes, "/livez"))) }
    })
    .await;
    drop(hangs);
    reads.join().unwrap().unwrap();
}
