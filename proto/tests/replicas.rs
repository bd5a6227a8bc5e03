//! Several replicas of a stage behind one address: who gets what, and what happens when one goes.

#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use proto::v1::StatusReply;
use proto::{Batch, Caller, Encoding, Origin, Refusal, Server, Spread, Stage, stage};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::Notify;
use tower::ServiceExt;

/// What a replica has: each batch's number of the origin, and its first line.
type Taken = Arc<Mutex<BTreeSet<(u32, u64)>>>;

/// A replica in a runtime of its own, so that it can be killed with all its connections.
struct Replica {
    address: String,
    taken: Taken,
    runtime: Option<Runtime>,
}

impl Replica {
    /// Takes what comes; `silent`: and gives no receipt.
    fn start(address: &str, silent: Option<Arc<Notify>>) -> Replica {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let taken = Taken::default();
        let keeps = Arc::clone(&taken);
        let behind = stage(move |batch: Batch| {
            let number = batch.origin.as_ref().unwrap().path.parse().unwrap();
            keeps.lock().unwrap().insert((number, batch.first));
            let silent = silent.clone();
            async move {
                if let Some(took) = silent {
                    took.notify_one();
                    std::future::pending::<()>().await;
                }
                Ok(batch.receipt())
            }
        });
        let listener = runtime.block_on(TcpListener::bind(address)).unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let server = Server::new(Arc::new(StatusReply::default)).stage(behind);
        runtime.spawn(server.run(listener, std::future::pending()));
        Replica { address, taken, runtime: Some(runtime) }
    }

    fn has(&self) -> BTreeSet<(u32, u64)> {
        self.taken.lock().unwrap().clone()
    }

    fn kill(&mut self) {
        self.runtime.take().unwrap().shutdown_background();
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// A caller, and how many batches may be twice.
fn counting() -> (Caller, Arc<AtomicU64>) {
    let moved = Arc::<AtomicU64>::default();
    let count = Arc::clone(&moved);
    let caller = Caller::default().telling(move || {
        count.fetch_add(1, Ordering::Relaxed);
    });
    (caller, moved)
}

fn three() -> Vec<Replica> {
    (0..3).map(|_| Replica::start("127.0.0.1:0", None)).collect()
}

fn address(replicas: &[Replica]) -> String {
    let hosts: Vec<&str> = replicas.iter().map(|replica| replica.address.as_str()).collect();
    format!("http://{}", hosts.join(","))
}

fn batch(origin: u32, first: u64) -> Batch {
    let batch = Batch {
        origin: Some(Origin { path: origin.to_string(), ..Origin::default() }),
        queue: vec![1; 16],
        first,
        last: first,
        destination: "lake".into(),
        ..Batch::default()
    };
    batch.with_lines([(first, 3, &b"{}"[..])], Encoding::None).unwrap()
}

fn push(runtime: &Runtime, stage: &Stage, batch: Batch) -> Result<(), Refusal> {
    runtime.block_on(stage.clone().oneshot(batch)).map(|_| ())
}

/// Which replica has which origins.
fn homes(replicas: &[Replica]) -> BTreeMap<u32, BTreeSet<usize>> {
    let mut homes: BTreeMap<u32, BTreeSet<usize>> = BTreeMap::new();
    for (number, replica) in replicas.iter().enumerate() {
        replica.has().into_iter().for_each(|(origin, _)| {
            homes.entry(origin).or_default().insert(number);
        });
    }
    homes
}

#[test]
fn an_origin_sticks_to_one_replica_whoever_calls_and_origins_are_spread_over_all() {
    let (runtime, replicas) = (Runtime::new().unwrap(), three());
    let _inside = runtime.enter();
    let mut hosts: Vec<&str> = replicas.iter().map(|replica| replica.address.as_str()).collect();
    for _ in 0..2 {
        hosts.reverse();
        let address = format!("http://{}", hosts.join(","));
        let stage = Caller::default().stage(&address, Spread::ByOrigin).unwrap();
        for origin in 0..60 {
            (1..4).for_each(|first| push(&runtime, &stage, batch(origin, first)).unwrap());
        }
    }
    let homes = homes(&replicas);
    assert!(homes.len() == 60 && homes.values().all(|one| one.len() == 1), "{homes:?}");
    for (number, replica) in replicas.iter().enumerate() {
        let origins: BTreeSet<u32> = replica.has().into_iter().map(|(origin, _)| origin).collect();
        assert!((5..45).contains(&origins.len()), "replica {number} has {}", origins.len());
    }
}

#[test]
fn batches_of_one_origin_are_spread_where_nothing_has_to_stay_together_and_one_that_comes_again_finds_its_replica()
 {
    let (runtime, replicas) = (Runtime::new().unwrap(), three());
    let _inside = runtime.enter();
    let stage = Caller::default().stage(&address(&replicas), Spread::ByBatch).unwrap();
    for first in (1..61).chain(1..61) {
        push(&runtime, &stage, batch(7, first)).unwrap();
    }
    let counts: Vec<usize> = replicas.iter().map(|replica| replica.has().len()).collect();
    assert_eq!(counts.iter().sum::<usize>(), 60, "{counts:?}");
    assert!(counts.iter().all(|count| (5..45).contains(count)), "{counts:?}");
}

#[test]
fn where_a_replica_is_gone_others_take_what_was_its_and_nothing_else_moves_until_it_is_back() {
    let (runtime, mut replicas) = (Runtime::new().unwrap(), three());
    let _inside = runtime.enter();
    let (caller, moved) = counting();
    let stage = caller.stage(&address(&replicas), Spread::ByOrigin).unwrap();
    (0..60).for_each(|origin| push(&runtime, &stage, batch(origin, 1)).unwrap());
    let before = homes(&replicas);
    replicas[0].kill();
    (0..60).for_each(|origin| push(&runtime, &stage, batch(origin, 2)).unwrap());
    for (origin, home) in homes(&replicas) {
        let was_gone = before[&origin].contains(&0);
        assert_eq!(home.len(), 1 + usize::from(was_gone), "origin {origin}: {home:?}");
        assert!(was_gone || home == before[&origin]);
    }
    // One may have been on its way over the connection whose end was not known yet; the others met nobody.
    let moved = moved.load(Ordering::Relaxed);
    assert!(moved <= 1, "nobody listened, so nobody has anything twice: {moved}");

    replicas[0] = Replica::start(&replicas[0].address.clone(), None);
    let of_first = *before.iter().find(|(_, home)| home.contains(&0)).unwrap().0;
    let patience = Instant::now() + Duration::from_secs(60);
    let mut first = 3;
    while replicas[0].has().is_empty() {
        assert!(Instant::now() < patience, "the replica that is back gets nothing");
        push(&runtime, &stage, batch(of_first, first)).unwrap();
        first += 1;
    }
}

#[test]
fn a_batch_that_two_replicas_may_have_is_counted() {
    let runtime = Runtime::new().unwrap();
    let _inside = runtime.enter();
    let took = Arc::new(Notify::new());
    let mut silent = Replica::start("127.0.0.1:0", Some(Arc::clone(&took)));
    let other = Replica::start("127.0.0.1:0", None);
    let (caller, moved) = counting();
    let address = format!("http://{},{}", silent.address, other.address);
    let stage = caller.stage(&address, Spread::ByOrigin).unwrap();
    let of_silent = (0..100).find(|origin| {
        let pushed = runtime.spawn(stage.clone().oneshot(batch(*origin, 1)));
        runtime.block_on(async {
            tokio::select! {
                () = took.notified() => true,
                _ = pushed => false,
            }
        })
    });
    silent.kill();
    let patience = Instant::now() + Duration::from_secs(60);
    while !other.has().contains(&(of_silent.unwrap(), 1)) || moved.load(Ordering::Relaxed) == 0 {
        assert!(Instant::now() < patience, "the batch is nowhere");
        std::thread::yield_now();
    }
    assert_eq!(moved.load(Ordering::Relaxed), 1);
}

#[test]
fn a_name_that_leads_nowhere_is_unavailable_and_said() {
    let runtime = Runtime::new().unwrap();
    let _inside = runtime.enter();
    let stage = Caller::default().stage("http://nobody.invalid:7103", Spread::ByOrigin).unwrap();
    let refusal = push(&runtime, &stage, batch(1, 1)).unwrap_err();
    assert!(
        matches!(&refusal, Refusal::Unavailable { why } if why.contains("nobody.invalid:7103")),
        "{refusal}"
    );
}

#[test]
fn an_operators_call_is_for_one_host() {
    let runtime = Runtime::new().unwrap();
    let _inside = runtime.enter();
    let told = Caller::default().admin("http://a:1,b:2").err().unwrap().to_string();
    assert!(told.contains("several hosts"), "{told}");
    assert!(Caller::default().stage("http://a:1,b", Spread::ByBatch).is_err());
}
