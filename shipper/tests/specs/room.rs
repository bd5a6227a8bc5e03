//! What happens when there is no room.

use chassis::ByteSize;
use proto::Refusal;

use crate::given::{self, Running, config, count, named};
use crate::intake::{Intake, Reply};

/// Lines that compression cannot shrink.
fn noise(number: u64, size: usize) -> Vec<u8> {
    let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    (0..size)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            b'0' + (state % 75) as u8
        })
        .map(|byte| if byte == b'\\' || byte == b'"' { b'x' } else { byte })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_spool_refuses_where_required_and_sheds_where_best_effort_and_takes_again_later() {
    let directory = tempfile::tempdir().unwrap();
    let intake = Intake::start(|_| Reply::Status(503)).await;
    let mut config = config(directory.path(), &[("dd", given::datadog(&intake.url))]);
    config.spool.max_size = ByteSize::mib(4);
    let running = Running::start(&config).await;
    let mut next = 1;
    let refused = loop {
        match running.push(given::batch("dd", next, &[noise(next, 300_000)])).await {
            Ok(_) => next += 1,
            Err(refused) => break refused,
        }
        assert!(next < 100, "a spool of 4 MiB took 30 MB");
    };
    assert!(next > 5, "a spool of 4 MiB took only {next} batches");
    assert!(matches!(refused, Refusal::Busy { .. }), "{refused}");
    assert!(refused.why().contains("`dd`") && refused.why().contains("spool.max_size"), "{refused}");
    let problem = running.status("dd").problem;
    assert!(problem.contains("the spool is full") && problem.contains("503"), "{problem}");
    let spare = proto::Batch { best_effort: true, ..given::batch("dd", next, &[noise(next, 300_000)]) };
    assert!(!running.push(spare.clone()).await.unwrap().repeated);
    assert!(running.push(spare).await.unwrap().repeated, "what was shed is not taken later");
    let account = running.account("dd");
    assert_eq!((count(&account.shed), count(&account.spooled)), (1, next - 1));
    intake.now(|_| Reply::Status(202));
    running.drain().await;
    running.push(given::batch("dd", next + 1, &[noise(next + 1, 300_000)])).await.unwrap();
    running.drain().await;
    assert_eq!(count(&running.account("dd").delivered), next);
    assert_eq!(intake.messages().len() as u64, next);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_store_of_dead_letters_holds_its_destination_and_drops_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let intake = Intake::start(|request| {
        let bad = request
            .items
            .iter()
            .any(|item| item["message"].as_str().is_some_and(|line| !line.contains("\"verb\"")));
        Reply::Status(if bad { 400 } else { 202 })
    })
    .await;
    let mut config = config(directory.path(), &[("dd", given::datadog(&intake.url))]);
    config.dead_letters.max_size = ByteSize::mib(1);
    let running = Running::start(&config).await;
    for number in 1..=12 {
        running.push(given::batch("dd", number, &[noise(number, 150_000)])).await.unwrap();
    }
    running.until("dd", |status| status.state == "held").await;
    let status = running.status("dd");
    assert!(status.problem.contains("dead_letters.max_size"), "{}", status.problem);
    let requests = intake.requests().len();
    running.push(given::events("dd", 13, 13)).await.unwrap();
    let account = running.account("dd");
    let dead = named(&account.dead)["rejected (400)"];
    assert_eq!(dead + count(&account.spooled), 13);
    assert_eq!(status.dead_letters.unwrap().records, dead);
    assert!(intake.requests().len() <= requests + 4, "a held destination is left alone");
    running.stop().await;
    config.dead_letters.max_size = ByteSize::mib(16);
    let running = Running::start(&config).await;
    running.drain().await;
    let account = running.account("dd");
    assert_eq!((named(&account.dead)["rejected (400)"], count(&account.delivered)), (12, 1));
    assert_eq!(running.status("dd").dead_letters.unwrap().records, 12);
    running.stop().await;
}
