//! Rules are replaced as a whole, between two batches, and never by bad ones.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use chassis::{Configuration, Stop};
use proto::{Batch, Refusal};
use router::{Config, Router};
use tempfile::TempDir;
use tower::ServiceExt;

use crate::given::{Shipper, TOLD, Told, batch, left_out, lines, policy};

/// A router whose section lies in a file.
struct Written {
    dir: TempDir,
    router: Router,
    shipper: Shipper,
}

const ALL: &str = "routes: [{name: all, to: [lake]}]";

impl Written {
    fn router(section: &str, rules: &[&str]) -> Written {
        let (dir, shipper) = (TempDir::new().unwrap(), Shipper::default());
        let file = dir.path().join("auditrail.yaml");
        write(&dir, section);
        std::fs::write(policy_of(&dir), policy(rules)).unwrap();
        let router = Router::new(&read(&file).unwrap(), shipper.stage()).unwrap();
        router.read_from(Some(file.clone()), Arc::new(move || read(&file)));
        Written { dir, router, shipper }
    }

    /// Pushes the batch of two events that begins at `first`.
    async fn push(&self, first: u64) -> Result<(), Refusal> {
        self.router.stage().oneshot(at(first)).await.map(|_| ())
    }

    /// What the lake got of it.
    fn got(&self, first: u64) -> Vec<String> {
        let taken = self.shipper.taken("lake");
        let taken: Vec<_> = taken.iter().filter(|batch| batch.first == first).collect();
        assert_eq!(taken.len(), 1, "batch {first}");
        lines(taken[0])
    }

    fn problem(&self) -> String {
        self.router.status().policy.unwrap().problem
    }
}

/// The policy's file stands under `POLICY` in the section.
fn write(dir: &TempDir, section: &str) {
    let policy = policy_of(dir).display().to_string();
    let section = section.replace("POLICY", &format!("'{policy}'"));
    std::fs::write(dir.path().join("auditrail.yaml"), format!("router: {{{section}}}\n")).unwrap();
}

fn policy_of(dir: &TempDir) -> PathBuf {
    dir.path().join("policy.yaml")
}

fn read(file: &Path) -> Result<Config, String> {
    let section = Configuration::read(Some(file), []).and_then(|read| read.section());
    section.map_err(|error| error.to_string())
}

const BOB: Told = Told { user: "bob", ..TOLD };

fn at(first: u64) -> Batch {
    Batch { first, last: first + 1, ..batch(&[TOLD.whole(), BOB.whole()]) }
}

const NO_BOB: &[&str] = &["level: None, users: [bob]", "level: RequestResponse"];
const NO_ALICE: &[&str] = &["level: None, users: [alice]", "level: RequestResponse"];

fn with_policy() -> String {
    format!("policy: POLICY, {ALL}")
}

#[tokio::test]
async fn a_policy_that_changed_decides_the_next_batch() {
    let given = Written::router(&with_policy(), NO_BOB);
    given.push(100).await.unwrap();
    std::fs::write(policy_of(&given.dir), policy(NO_ALICE)).unwrap();
    assert_eq!(given.router.reload().problem, "");
    given.push(200).await.unwrap();
    assert_eq!([given.got(100), given.got(200)], [[TOLD.whole()], [BOB.whole()]]);
}

#[tokio::test]
async fn a_bad_policy_keeps_the_old_one_and_is_shown_with_its_place_until_it_is_mended() {
    let given = Written::router(&with_policy(), NO_BOB);
    let hash = given.router.status().policy.unwrap().hash;
    std::fs::write(policy_of(&given.dir), policy(&["level: Sometimes"])).unwrap();
    let told = given.router.reload();
    assert!(
        told.problem.contains("policy.yaml:4:") && told.problem.contains("Sometimes"),
        "{}",
        told.problem
    );
    assert_eq!(given.problem(), told.problem);
    assert!(given.router.status().problems.iter().any(|problem| problem.contains(&told.problem)));
    assert_eq!(given.router.status().policy.unwrap().hash, hash);
    given.push(100).await.unwrap();
    assert_eq!(given.got(100), [TOLD.whole()]);

    std::fs::write(policy_of(&given.dir), policy(NO_ALICE)).unwrap();
    assert_eq!(given.router.reload().problem, "");
    assert!(given.router.status().problems.is_empty());
    given.push(200).await.unwrap();
    assert_eq!(given.got(200), [BOB.whole()]);
}

#[tokio::test]
async fn processing_rules_that_changed_decide_the_next_batch_and_bad_ones_change_nothing() {
    let rules = |pattern: &str| {
        format!("processing_rules: [{{type: exclude_at_match, name: some, pattern: '{pattern}'}}], {ALL}")
    };
    let given = Written::router(&rules("bob"), NO_BOB);
    given.push(100).await.unwrap();
    write(&given.dir, &rules("alice("));
    let problem = given.router.reload().problem;
    assert!(problem.contains("processing_rules") && problem.contains("`some`"), "{problem}");
    given.push(200).await.unwrap();
    write(&given.dir, &rules("alice"));
    assert_eq!(given.router.reload().problem, "");
    given.push(300).await.unwrap();
    assert_eq!([given.got(100), given.got(200)], [[TOLD.whole()], [TOLD.whole()]]);
    assert_eq!(given.got(300), [BOB.whole()]);
}

#[tokio::test]
async fn a_bad_section_keeps_the_old_routes_and_is_shown_with_its_place() {
    let given = Written::router(ALL, NO_BOB);
    write(&given.dir, "routes: [{name: all, to: [lake], unheard: yes}]");
    let problem = given.router.reload().problem;
    assert!(problem.contains("auditrail.yaml:1:") && problem.contains("unheard"), "{problem}");
    given.push(100).await.unwrap();
    assert_eq!(given.got(100).len(), 2);
}

#[tokio::test]
async fn what_holds_from_the_next_start_on_is_said() {
    let given = Written::router(ALL, NO_BOB);
    write(&given.dir, &format!("in_flight: 3, listen: '127.0.0.1:1', {ALL}"));
    assert_eq!(given.router.reload().problem, "");
    let problems = given.router.status().problems.join("\n");
    assert!(problems.contains("router.listen") && problems.contains("next start"), "{problems}");
}

#[tokio::test(start_paused = true)]
async fn a_file_that_changed_is_noticed_without_being_told() {
    let given = Written::router(&with_policy(), NO_BOB);
    let stop = Stop::new();
    let (router, asked) = (given.router.clone(), stop.clone());
    let kept = tokio::spawn(async move { router.keep_current(asked).await });
    let before = given.router.status().policy.unwrap().hash;
    std::fs::write(policy_of(&given.dir), policy(NO_ALICE)).unwrap();
    let noticed = async {
        while given.router.status().policy.unwrap().hash == before {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), noticed).await.unwrap();
    stop.request();
    kept.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_load_no_batch_is_decided_by_a_mixture_and_none_is_lost() {
    const BATCHES: u64 = 400;
    let given = Written::router(&with_policy(), NO_BOB);
    let pushes = (0..BATCHES).map(|number| {
        let stage = given.router.stage();
        tokio::spawn(async move {
            while stage.clone().oneshot(at(2 * number + 2)).await.is_err() {
                tokio::task::yield_now().await;
            }
        })
    });
    let pushes: Vec<_> = pushes.collect();
    for number in 0.. {
        let rules = [NO_ALICE, NO_BOB][number % 2];
        std::fs::write(policy_of(&given.dir), policy(rules)).unwrap();
        let router = given.router.clone();
        let problem = tokio::task::spawn_blocking(move || router.reload().problem).await.unwrap();
        assert_eq!(problem, "");
        if number > 0 && pushes.iter().all(tokio::task::JoinHandle::is_finished) {
            break;
        }
    }
    for pushed in pushes {
        pushed.await.unwrap();
    }
    for number in 0..BATCHES {
        let first = 2 * number + 2;
        let got = given.got(first);
        assert!(got == [TOLD.whole()] || got == [BOB.whole()], "batch {first}: {got:?}");
        let taken = given.shipper.taken("lake").into_iter().find(|batch| batch.first == first).unwrap();
        assert_eq!(taken.filtered.iter().map(|left| left.numbers.len()).sum::<usize>(), 1);
    }
}

#[tokio::test]
async fn a_destination_that_lost_its_route_is_told_so_and_holds_up_nobody() {
    let given = Written::router("routes: [{name: all, to: [lake, old]}]", NO_BOB);
    given.push(100).await.unwrap();
    write(&given.dir, ALL);
    assert_eq!(given.router.reload().problem, "");
    assert_eq!(given.router.destinations(), ["lake"]);
    given.push(200).await.unwrap();
    let told = given.shipper.taken("old").pop().unwrap();
    assert_eq!(left_out(&told), [("no route".to_owned(), vec![100, 101])]);
    assert_eq!(given.got(200).len(), 2);

    given.shipper.refuse("old", Refusal::Invalid { why: "there is no such destination".into() });
    given.push(300).await.unwrap();
    assert_eq!(given.got(300).len(), 2);
    assert!(given.router.status().problems.is_empty());
}
