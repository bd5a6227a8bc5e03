//! SIGHUP: a running process reads its rules again because it was told to, not because it saw a file change.

use proto::v1::{PolicyStatus, SetPolicyRequest};
use tests::apiserver::ApiServer;
use tests::cluster::{Cluster, Layout, Setup};
use tests::eventually::eventually;
use tests::fixture::{slices, small};
use tests::in_both_layouts;
use tests::intake::{Intake, Mood};

in_both_layouts!(
    a_hang_up_puts_the_files_in_force_at_once_even_when_none_of_them_changed,
    a_bad_policy_at_a_hang_up_keeps_the_old_one_and_is_shown,
);

const NOTHING: &str = "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: None}]\n";
const EVERYTHING: &str = "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n- {level: RequestResponse, users: [nobody]}\n- {level: RequestResponse}\n";

async fn a_hang_up_puts_the_files_in_force_at_once_even_when_none_of_them_changed(layout: Layout) {
    let given = Given::with_policy(layout, EVERYTHING).await;
    let lines = small();
    given.set_by_hand(NOTHING).await;
    let told = given.in_force().await;
    assert!(told.set_by_hand && told.rules == 1, "{told:?}");
    given.write(&lines);
    assert_eq!(given.cluster.settled(lines.len()).await[0].delivered.events, 0);

    // No file changes, so that looking at files each second finds nothing to do.
    given.cluster.hang_up();

    given.until("the policy of the file is in force", |told| !told.set_by_hand && told.rules == 2).await;
    given.write(&lines);
    let account = given.cluster.settled(2 * lines.len()).await.remove(0);
    assert_eq!(account.delivered.events, lines.len() as u64);
    assert_eq!(given.intake.messages().len(), lines.len());
}

async fn a_bad_policy_at_a_hang_up_keeps_the_old_one_and_is_shown(layout: Layout) {
    let given = Given::with_policy(layout, EVERYTHING).await;
    let lines = small();
    let before = given.in_force().await;
    std::fs::write(given.policy(), NOTHING.replace("None", "Sometimes")).unwrap();
    given.cluster.hang_up();
    let told = given.until("the bad policy is shown", |told| !told.problem.is_empty()).await;
    assert!(told.problem.contains("policy.yaml:") && told.problem.contains("Sometimes"), "{told:?}");
    assert_eq!((told.rules, &told.hash), (before.rules, &before.hash));
    given.write(&lines);
    let account = given.cluster.settled(lines.len()).await.remove(0);
    assert_eq!(account.delivered.events, lines.len() as u64);

    std::fs::write(given.policy(), NOTHING).unwrap();
    given.cluster.hang_up();
    given.until("the mended policy is in force", |told| told.problem.is_empty() && told.rules == 1).await;
}

/// A cluster whose policy lies in a file.
struct Given {
    cluster: Cluster,
    intake: Intake,
    place: tempfile::TempDir,
}

impl Given {
    async fn with_policy(layout: Layout, text: &str) -> Given {
        let intake = Intake::start(Mood::Accept).await;
        let place = tempfile::tempdir().unwrap();
        let policy = place.path().join("policy.yaml");
        std::fs::write(&policy, text).unwrap();
        let cluster = Cluster::start(layout, &Setup::to_datadog(&intake.url()).policy(policy)).await;
        Given { cluster, intake, place }
    }

    fn policy(&self) -> std::path::PathBuf {
        self.place.path().join("policy.yaml")
    }

    fn write(&self, lines: &[Vec<u8>]) {
        ApiServer::in_directory(&self.cluster.logs()).write_all(slices(lines));
    }

    async fn set_by_hand(&self, policy: &str) {
        let mut router = proto::connect_router(&self.cluster.router()).unwrap();
        router.set_policy(SetPolicyRequest { policy: policy.to_owned() }).await.unwrap();
    }

    async fn in_force(&self) -> PolicyStatus {
        self.cluster.status().await.into_iter().find_map(|service| service.policy).unwrap_or_default()
    }

    /// Waits until what is in force is like this.
    async fn until(&self, what: &str, like: impl Fn(&PolicyStatus) -> bool) -> PolicyStatus {
        eventually(what, async || {
            let told = self.in_force().await;
            if like(&told) { Ok(told) } else { Err(format!("{told:?}\n{}", self.cluster.all_words())) }
        })
        .await
    }
}
