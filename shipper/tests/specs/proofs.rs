//! Receipts of what was sent and taken.

use std::path::Path;

use proto::ShipperCalls;
use proto::v1::{DeliveryReceipt, ReceiptsRequest};
use sha2::{Digest, Sha256};
use shipper::{Destination, File, Lake};

use crate::given::{self, Running, batch, config, event, events};
use crate::hands::call;
use crate::intake::{Intake, Reply};

async fn receipts(running: &Running, destination: &str, number: u64) -> Vec<DeliveryReceipt> {
    let request = ReceiptsRequest { destination: destination.into(), number, ..ReceiptsRequest::default() };
    call(running, move |shipper| shipper.receipts(&request)).await.unwrap().receipts
}

fn hash(body: &[u8]) -> Vec<u8> {
    Sha256::digest(body).to_vec()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_request_that_was_taken_has_a_receipt_with_the_hash_of_its_body_and_its_exact_lines() {
    let directory = tempfile::tempdir().unwrap();
    let intake = Intake::start(|request| {
        let guilty = request.messages().iter().any(|message| message.contains("id-00000007"));
        Reply::Status(if guilty { 400 } else { 202 })
    })
    .await;
    let running = Running::start(&config(directory.path(), &[("dd", given::datadog(&intake.url))])).await;
    running.push(events("dd", 1, 20)).await.unwrap();
    running.drain().await;
    for number in (1..=20).filter(|&number| number != 7) {
        let found = receipts(&running, "dd", number).await;
        assert_eq!(found.len(), 1, "{number}: {found:?}");
        let receipt = &found[0];
        let requests = intake.requests();
        let body = requests.iter().find(|request| hash(&request.sent) == receipt.sha256).unwrap();
        assert!(body.messages().contains(&event(number)));
        assert_eq!((receipt.events, receipt.bytes), (body.items.len() as u64, body.sent.len() as u64));
        assert_eq!((receipt.status, receipt.origin.as_str()), (202, given::origin().to_string().as_str()));
        assert_eq!(receipt.queue, given::QUEUE);
    }
    assert!(receipts(&running, "dd", 7).await.is_empty(), "a refused event has no receipt");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_that_were_written_have_receipts_with_the_hash_of_the_lines_also_after_a_start() {
    let directory = tempfile::tempdir().unwrap();
    let (file, lake) = (directory.path().join("copy.log"), directory.path().join("lake"));
    let url = lake.to_string_lossy().into_owned();
    let to = [("file", Destination::File(File::at(file))), ("lake", Destination::Lake(Lake::at(url)))];
    let config = config(directory.path(), &to);
    let running = Running::start(&config).await;
    for name in ["file", "lake"] {
        running.push(events(name, 1, 10)).await.unwrap();
    }
    running.drain().await;
    running.stop().await;
    let running = Running::start(&config).await;
    let lines: String = (1..=10).map(|number| event(number) + "\n").collect();
    for name in ["file", "lake"] {
        let found = receipts(&running, name, 5).await;
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!((found[0].first, found[0].last, found[0].status), (1, 10, 0));
        assert_eq!(found[0].sha256, hash(lines.as_bytes()));
    }
    assert!(receipts(&running, "file", 11).await.is_empty());
    let asked = ReceiptsRequest { destination: "lake".into(), ..ReceiptsRequest::default() };
    let on_disk = shipper::receipts_in(&config.spool.dir, &asked).unwrap();
    assert_eq!(on_disk.receipts.len(), 1, "they can be read where no shipper runs");
    running.stop().await;
}

/// Bytes of all files in a directory but the one that names the version of the others.
fn size(dir: &Path) -> u64 {
    let files = std::fs::read_dir(dir).unwrap().map(Result::unwrap);
    files.filter(|file| file.file_name() != "format").map(|file| file.metadata().unwrap().len()).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn receipts_stay_within_their_size_and_none_are_kept_where_none_are_wanted() {
    let directory = tempfile::tempdir().unwrap();
    let to = Destination::File(File::at(directory.path().join("copy.log")));
    let mut config = config(directory.path(), &[("file", to)]);
    config.receipts.max_size = chassis::ByteSize::mib(1);
    let running = Running::start(&config).await;
    // Each second number alone: a receipt of some length.
    for first in 1..400 {
        let lines: Vec<String> = (0..600).map(|_| "{}".to_owned()).collect();
        let mut sparse = batch("file", first * 2000, &lines);
        let lines: Vec<(u64, u64, &[u8])> =
            (0..600).map(|at| (first * 2000 + at * 2, 3, b"{}".as_slice())).collect();
        sparse.last = first * 2000 + 1199;
        let sparse = sparse.with_lines(lines.into_iter(), proto::Encoding::None).unwrap();
        let odd: Vec<u32> = (0..600).map(|at| at * 2 + 1).collect();
        running.push(given::with_filtered(sparse, "odd", &odd, 3)).await.unwrap();
    }
    running.drain().await;
    let store = running.status("file").receipts.unwrap();
    assert!(store.bytes <= 1 << 20 && store.bytes > 1 << 19, "{store:?}");
    assert_eq!(store.bytes, size(&directory.path().join("spool/file/receipts")));
    assert_eq!(receipts(&running, "file", 399 * 2000 + 4).await.len(), 1);
    assert!(receipts(&running, "file", 399 * 2000 + 5).await.is_empty());
    assert!(receipts(&running, "file", 2000).await.is_empty(), "the oldest went");
    running.stop().await;
    config.receipts.max_size = chassis::ByteSize::default();
    let running = Running::start(&config).await;
    assert_eq!(running.status("file").receipts, None);
    running.stop().await;
}
