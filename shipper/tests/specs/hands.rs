//! What operators do with dead letters: look, send again, edit, drop; and kill -9 in the middle of it.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use proto::v1::{
    DeadLetter, DeadLetterFilter, DropDeadLettersRequest, GetDeadLetterRequest, ListDeadLettersRequest,
    RetryDeadLettersReply, RetryDeadLettersRequest,
};
use proto::{NotDone, ShipperCalls};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use shipper::{Config, Shipper};

use crate::given::{self, Running, config, count, event, events, named};
use crate::intake::{Intake, Reply, Request};

/// A call on a thread that may block.
pub(crate) async fn call<T: Send + 'static>(
    running: &Running,
    call: impl FnOnce(&Shipper) -> Result<T, NotDone> + Send + 'static,
) -> Result<T, NotDone> {
    let shipper = running.shipper.clone();
    tokio::task::spawn_blocking(move || call(&shipper)).await.unwrap()
}

fn filter(cause: &str) -> Option<DeadLetterFilter> {
    Some(DeadLetterFilter { destination: "dd".into(), cause: cause.into() })
}

/// All letters, two a page.
async fn letters(running: &Running, cause: &str) -> Vec<DeadLetter> {
    let mut request = ListDeadLettersRequest { filter: filter(cause), page_size: 2, page: String::new() };
    let mut all = Vec::new();
    loop {
        let asked = request.clone();
        let reply = call(running, move |shipper| shipper.list_dead_letters(&asked)).await.unwrap();
        assert!(reply.letters.len() <= 2);
        all.extend(reply.letters);
        request.page = reply.next_page;
        if request.page.is_empty() {
            return all;
        }
    }
}

/// Waits until there are so many: a letter is shown when its event has left the spool, which is known a moment later.
async fn so_many_letters(running: &Running, wanted: usize) -> Vec<DeadLetter> {
    let since = std::time::Instant::now();
    loop {
        let all = letters(running, "").await;
        if all.len() == wanted {
            return all;
        }
        assert!(since.elapsed() < given::PATIENCE, "{} letters instead of {wanted}", all.len());
    }
}

async fn retry(running: &Running, ids: &[&str], event: &[u8]) -> Result<RetryDeadLettersReply, NotDone> {
    let ids = ids.iter().map(ToString::to_string).collect();
    let request =
        RetryDeadLettersRequest { ids, event: event.to_vec(), ..RetryDeadLettersRequest::default() };
    call(running, move |shipper| shipper.retry_dead_letters(&request)).await
}

pub(crate) async fn drop_all(running: &Running) {
    let request = DropDeadLettersRequest { filter: filter(""), ..DropDeadLettersRequest::default() };
    call(running, move |shipper| shipper.drop_dead_letters(&request)).await.unwrap();
}

pub(crate) async fn retry_all(running: &Running) -> u64 {
    let mut request = RetryDeadLettersRequest { filter: filter(""), ..RetryDeadLettersRequest::default() };
    let mut retried = 0;
    loop {
        let asked = request.clone();
        let reply = call(running, move |shipper| shipper.retry_dead_letters(&asked)).await.unwrap();
        retried += reply.retried;
        request.page = reply.next_page;
        if request.page.is_empty() {
            return retried;
        }
    }
}

/// An intake that refuses bodies with these numbers until it is mended.
struct Picky {
    intake: Intake,
    mended: Arc<AtomicBool>,
}

impl Picky {
    async fn about(numbers: &'static [u64]) -> Picky {
        let mended = Arc::new(AtomicBool::new(false));
        let is_well = mended.clone();
        let guilty = move |request: &Request| {
            let of =
                |message: &String| numbers.iter().any(|number| message.contains(&format!("id-{number:08}")));
            request.messages().iter().any(of)
        };
        let intake = Intake::start(move |request| match !is_well.load(Ordering::SeqCst) && guilty(request) {
            true => Reply::Told(400, "x: y".into(), "no such field".into()),
            false => Reply::Status(202),
        });
        Picky { intake: intake.await, mended }
    }

    fn mend(&self) {
        self.mended.store(true, Ordering::SeqCst);
    }

    fn config(&self, directory: &Path) -> Config {
        config(directory, &[("dd", given::datadog(&self.intake.url))])
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_are_listed_with_their_cause_and_shown_with_their_event() {
    let directory = tempfile::tempdir().unwrap();
    let picky = Picky::about(&[3, 7, 8]).await;
    let running = Running::start(&picky.config(directory.path())).await;
    running.push(events("dd", 1, 20)).await.unwrap();
    running.drain().await;
    so_many_letters(&running, 3).await;
    let all = letters(&running, "rejected").await;
    let mut numbers: Vec<u64> = all.iter().map(|letter| letter.number).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, [3, 7, 8]);
    assert!(letters(&running, "too large").await.is_empty());
    let letter = all.iter().find(|letter| letter.number == 7).unwrap().clone();
    assert_eq!((letter.cause.as_str(), letter.destination.as_str()), ("rejected (400)", "dd"));
    assert!(letter.answer.contains("no such field"), "{letter:?}");
    assert_eq!((letter.origin.clone(), letter.queue.as_slice()), (Some(given::origin()), &given::QUEUE[..]));
    assert_eq!(letter.read_bytes, event(7).len() as u64 + 1);
    let asked = GetDeadLetterRequest { id: letter.id.clone() };
    let shown = call(&running, move |shipper| shipper.get_dead_letter(&asked)).await.unwrap();
    assert_eq!((shown.letter, shown.event), (Some(letter), event(7).into_bytes()));
    let asked = GetDeadLetterRequest { id: "dd/999999".into() };
    let none = call(&running, move |shipper| shipper.get_dead_letter(&asked)).await.unwrap_err();
    assert!(matches!(&none, NotDone::NotFound(why) if why.contains("dd/999999")), "{none}");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retried_letter_is_on_its_way_once_and_ends_as_delivered() {
    let directory = tempfile::tempdir().unwrap();
    let picky = Picky::about(&[3, 7]).await;
    let running = Running::start(&picky.config(directory.path())).await;
    running.push(events("dd", 1, 20)).await.unwrap();
    running.drain().await;
    picky.mend();
    let id = so_many_letters(&running, 2).await.into_iter().find(|letter| letter.number == 7).unwrap().id;
    let reply = retry(&running, &[&id, &id], b"").await.unwrap();
    assert_eq!((reply.retried, reply.skipped.len()), (1, 0));
    running.account("dd");
    running.drain().await;
    let again = retry(&running, &[&id], b"").await.unwrap();
    assert_eq!((again.retried, again.skipped[0].id.as_str()), (0, id.as_str()));
    let account = running.account("dd");
    assert_eq!((count(&account.delivered), count(&account.received)), (19, 20));
    assert_eq!(named(&account.dead), [("rejected (400)".to_owned(), 1)].into());
    running.stop().await;
    let running = Running::start(&picky.config(directory.path())).await;
    assert_eq!(letters(&running, "").await.len(), 1);
    assert_eq!(retry_all(&running).await, 1);
    running.drain().await;
    let account = running.account("dd");
    assert_eq!((count(&account.delivered), account.dead.len()), (20, 0));
    let mut expected: Vec<String> = (1..=20).map(event).collect();
    expected.sort();
    assert_eq!(picky.intake.messages(), expected);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retried_letter_that_is_refused_again_is_one_dead_letter_again() {
    let directory = tempfile::tempdir().unwrap();
    let picky = Picky::about(&[3, 7]).await;
    let running = Running::start(&picky.config(directory.path())).await;
    running.push(events("dd", 1, 20)).await.unwrap();
    running.drain().await;
    let mut before: BTreeSet<String> = BTreeSet::new();
    for _ in 0..4 {
        let ids = so_many_letters(&running, 2).await.into_iter().map(|letter| letter.id).collect();
        assert!(before.is_disjoint(&ids), "{before:?} {ids:?}");
        before = ids;
        assert_eq!(retry_all(&running).await, 2);
        running.drain().await;
    }
    so_many_letters(&running, 2).await;
    assert_eq!(named(&running.account("dd").dead), [("rejected (400)".to_owned(), 2)].into());
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edited_event_takes_the_letter_s_place_and_has_to_be_a_json_object() {
    let directory = tempfile::tempdir().unwrap();
    let picky = Picky::about(&[7]).await;
    let running = Running::start(&picky.config(directory.path())).await;
    running.push(events("dd", 1, 10)).await.unwrap();
    running.drain().await;
    let id = so_many_letters(&running, 1).await.remove(0).id;
    for broken in ["[1]", "{\"a\":", "7", "{} {}"] {
        let refused = retry(&running, &[&id], broken.as_bytes()).await.unwrap_err();
        assert!(matches!(refused, NotDone::Invalid(_)), "{broken}: {refused}");
    }
    assert!(matches!(retry(&running, &[], b"{}").await, Err(NotDone::Invalid(_))));
    let edited = b"{\n  \"auditID\": \"mended\",\n  \"number\": 1.50\n}\n";
    assert_eq!(retry(&running, &[&id], edited).await.unwrap().retried, 1);
    running.drain().await;
    let messages = picky.intake.messages();
    assert!(
        messages.contains(&"{   \"auditID\": \"mended\",   \"number\": 1.50 }".to_owned()),
        "{messages:?}"
    );
    let account = running.account("dd");
    assert_eq!((account.delivered, account.dead.len()), (account.received, 0));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_letter_is_gone_and_stays_counted_as_dead_and_nothing_is_dropped_unnamed() {
    let directory = tempfile::tempdir().unwrap();
    let picky = Picky::about(&[2, 4, 6]).await;
    let running = Running::start(&picky.config(directory.path())).await;
    running.push(events("dd", 1, 10)).await.unwrap();
    running.drain().await;
    let unnamed = [
        DropDeadLettersRequest::default(),
        DropDeadLettersRequest {
            filter: Some(DeadLetterFilter::default()),
            ..DropDeadLettersRequest::default()
        },
    ];
    for request in unnamed {
        let refused = call(&running, move |shipper| shipper.drop_dead_letters(&request)).await.unwrap_err();
        assert!(matches!(refused, NotDone::Invalid(_)), "{refused}");
    }
    let id = so_many_letters(&running, 3).await.remove(0).id;
    let request = DropDeadLettersRequest { ids: vec![id], ..DropDeadLettersRequest::default() };
    assert_eq!(call(&running, move |shipper| shipper.drop_dead_letters(&request)).await.unwrap().dropped, 1);
    assert_eq!(letters(&running, "").await.len(), 2);
    let both = [("rejected (400)".to_owned(), 2), ("rejected (400), dropped".to_owned(), 1)];
    assert_eq!(named(&running.account("dd").dead), both.into());
    let request = DropDeadLettersRequest { filter: filter("rejected"), ..DropDeadLettersRequest::default() };
    assert_eq!(call(&running, move |shipper| shipper.drop_dead_letters(&request)).await.unwrap().dropped, 2);
    running.stop().await;
    let running = Running::start(&picky.config(directory.path())).await;
    assert!(letters(&running, "").await.is_empty());
    assert_eq!(named(&running.account("dd").dead), [("rejected (400), dropped".to_owned(), 3)].into());
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_stays_where_it_is_while_the_spool_has_no_room_for_its_event() {
    let directory = tempfile::tempdir().unwrap();
    let picky = Picky::about(&[1]).await;
    let mut config = picky.config(directory.path());
    config.spool.max_size = chassis::ByteSize::mib(4);
    let running = Running::start(&config).await;
    let large = given::event(1).replace("\"g\"", &format!("\"{}\"", noise_text(1, 300_000)));
    running.push(given::batch("dd", 1, &[large])).await.unwrap();
    running.drain().await;
    let id = so_many_letters(&running, 1).await.remove(0).id;
    picky.intake.now(|_| Reply::Status(503));
    let mut next = 2;
    while running.push(given::batch("dd", next, &[noise_text(next, 300_000)])).await.is_ok() {
        next += 1;
    }
    let refused = retry(&running, &[&id], b"").await.unwrap_err();
    assert!(matches!(&refused, NotDone::NotNow(why) if why.contains("full")), "{refused}");
    assert_eq!(so_many_letters(&running, 1).await[0].id, id);
    picky.intake.now(|_| Reply::Status(202));
    running.drain().await;
    assert_eq!(retry(&running, &[&id], b"").await.unwrap().retried, 1);
    running.drain().await;
    assert_eq!(count(&running.account("dd").delivered), next - 1);
    running.stop().await;
}

/// Text that compression cannot shrink.
fn noise_text(number: u64, size: usize) -> String {
    let mut rng = StdRng::seed_from_u64(number);
    (0..size).map(|_| char::from(rng.random_range(b'#'..=b'Z'))).collect()
}

const DIRECTORY: &str = "SHIPPER_HANDS_DIRECTORY";
const URL: &str = "SHIPPER_HANDS_URL";

/// Not a test of its own: sends all dead letters again, again and again, and says so on standard output.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "the child of `killing_the_shipper_between_the_steps_of_a_retry_neither_loses_nor_doubles_an_event`"]
async fn child() {
    let Ok(directory) = std::env::var(DIRECTORY) else { return };
    let config = config(&PathBuf::from(directory), &[("dd", given::datadog(&std::env::var(URL).unwrap()))]);
    let running = Running::start(&config).await;
    loop {
        for letter in letters(&running, "").await {
            retry(&running, &[&letter.id], b"").await.unwrap();
            println!("retried {}", letter.id);
        }
        retry_all(&running).await;
        println!("retried all");
    }
}

fn spawn(directory: &Path, url: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "hands::child", "--ignored", "--nocapture"])
        .env(DIRECTORY, directory)
        .env(URL, url)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Lets the child say so much and kills it a moment later.
fn killed_after(mut child: Child, retries: usize, moment: Duration) {
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let said = lines.filter(|line| line.contains("retried ")).take(retries).count();
    assert_eq!(said, retries, "the child ended by itself");
    std::thread::sleep(moment); // where it is killed is meant to be arbitrary
    child.kill().unwrap();
    child.wait().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn killing_the_shipper_between_the_steps_of_a_retry_neither_loses_nor_doubles_an_event() {
    let directory = tempfile::tempdir().unwrap();
    let intake = Intake::start(|_| Reply::Status(400)).await;
    let config = config(directory.path(), &[("dd", given::datadog(&intake.url))]);
    let running = Running::start(&config).await;
    running.push(events("dd", 1, 24)).await.unwrap();
    running.drain().await;
    running.stop().await;
    let mut rng = StdRng::seed_from_u64(20_261_125);
    for _ in 0..8 {
        let child = spawn(directory.path(), &intake.url);
        let (retries, moment) = (rng.random_range(1..30), Duration::from_micros(rng.random_range(0..40_000)));
        tokio::task::spawn_blocking(move || killed_after(child, retries, moment)).await.unwrap();
        let running = Running::idle(&config).await;
        let account = running.account("dd");
        assert_eq!(count(&account.received), 24);
        running.stop().await;
    }
    intake.now(|_| Reply::Status(202));
    let running = Running::start(&config).await;
    assert_eq!(count(&running.account("dd").received), 24);
    retry_all(&running).await;
    running.drain().await;
    retry_all(&running).await; // what was hidden while its event was on its way
    running.drain().await;
    let account = running.account("dd");
    assert_eq!((count(&account.received), count(&account.delivered)), (24, 24), "{account:?}");
    assert!(letters(&running, "").await.is_empty());
    let expected: Vec<String> = (1..=24).map(event).collect();
    assert_eq!(intake.messages(), expected, "each once, since no kill came while the intake took any");
    running.stop().await;
}
