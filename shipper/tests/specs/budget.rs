//! A destination with a daily budget that is used up.
//!
//! Whether a day ends while this runs does not matter: a new one lets one more body through.

use chassis::ByteSize;
use shipper::{Config, Limit, OverBudget};

use crate::given::{self, Running, balances, batch, count, event, named};
use crate::intake::Intake;

fn config(directory: &tempfile::TempDir, intake: &Intake, over_budget: OverBudget) -> Config {
    let mut config = given::config(directory.path(), &[("dd", given::datadog(&intake.url))]);
    let bytes_per_day = Some(ByteSize::bytes(1));
    config.limits.insert("dd".into(), Limit { bytes_per_day, over_budget, ..Limit::default() });
    config
}

fn refusal(number: u64) -> String {
    event(number).replace(r#""requestReceived"#, r#""responseStatus":{"code":403},"requestReceived"#)
}

fn write(number: u64) -> String {
    event(number).replace(r#""verb":"list""#, r#""verb":"delete""#)
}

/// Ten batches of three events: one that only reads, a refusal, a write. The first of all uses the budget up.
async fn push_all(running: &Running) -> Vec<String> {
    running.push(batch("dd", 1, &[event(1)])).await.unwrap();
    running.until("dd", |status| count(&status.accounts[0].delivered) == 1).await;
    let mut matter = Vec::new();
    for first in (2..32).step_by(3) {
        let lines = [event(first), refusal(first + 1), write(first + 2)];
        matter.extend_from_slice(&lines[1..]);
        running.push(batch("dd", first, &lines)).await.unwrap();
    }
    matter
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_budget_is_used_up_refusals_and_writes_go_and_the_rest_waits() {
    let directory = tempfile::tempdir().unwrap();
    let intake = Intake::willing().await;
    let running = Running::start(&config(&directory, &intake, OverBudget::Wait)).await;
    let mut matter = push_all(&running).await;
    running.until("dd", |status| count(&status.accounts[0].delivered) >= 21).await;
    running.until("dd", |status| status.problem.contains("the budget of 1B per day is used up")).await;
    let arrived = intake.messages();
    matter.retain(|line| !arrived.contains(line));
    assert!(matter.is_empty(), "{} of what matters waits", matter.len());
    let account = running.account("dd");
    balances(&account);
    assert!(count(&account.spooled) >= 9, "{account:?}");
    running.stop().await;
    let mut free = config(&directory, &intake, OverBudget::Wait);
    free.limits.clear();
    let running = Running::start(&free).await;
    running.drain().await;
    assert_eq!(intake.messages().len(), 31);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rest_is_left_out_and_counted_where_that_was_chosen() {
    let directory = tempfile::tempdir().unwrap();
    let intake = Intake::willing().await;
    let running = Running::start(&config(&directory, &intake, OverBudget::LeaveOut)).await;
    let matter = push_all(&running).await;
    running.drain().await;
    let arrived = intake.messages();
    assert!(matter.iter().all(|line| arrived.contains(line)));
    let account = running.account("dd");
    balances(&account);
    let left_out = named(&account.filtered)["daily budget"];
    assert!(left_out >= 9 && left_out + count(&account.delivered) == 31, "{account:?}");
    running.stop().await;
}
