//! Twin logs: one API server wrote the same requests in full and under a policy. The router, given the full
//! one and the policy, must forward the other, byte for byte.
//!
//! The fixtures are a selection of real lines: every combination of verb, resource, stage and code that occurs.

use std::path::Path;

use proto::{Batch, Encoding};
use router::{Config, Route, Router};
use tower::ServiceExt;

use crate::given::{Shipper, batch};

const NAMES: [&str; 3] = ["allmeta", "datadog", "rnd-6"];

/// The lines of a fixture.
pub(crate) fn unpacked(name: &str) -> Vec<Vec<u8>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(format!("{name}.log.zst"));
    let text = zstd::decode_all(std::fs::File::open(path).unwrap()).unwrap();
    split(&text)
}

fn split(text: &[u8]) -> Vec<Vec<u8>> {
    let lines = text.split(|byte| *byte == b'\n').map(<[u8]>::to_vec);
    lines.filter(|line| !line.is_empty()).collect()
}

fn router(policy: &Path, shipper: &Shipper) -> Router {
    let routes = vec![Route::everything("all", ["lake"])];
    let config = Config { policy: Some(policy.to_owned()), routes, ..Config::default() };
    Router::new(&config, shipper.stage()).unwrap()
}

fn kept(batch: &Batch) -> Vec<Vec<u8>> {
    batch.lines().unwrap().iter().map(|line| line.bytes.to_vec()).collect()
}

#[tokio::test]
async fn a_policy_gives_byte_for_byte_what_the_api_server_wrote_under_it() {
    let superset = unpacked("superset");
    for name in NAMES {
        let policy = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(format!("{name}.yaml"));
        let shipper = Shipper::default();
        for encoding in [Encoding::Zstd, Encoding::None, Encoding::Lz4] {
            let router = router(&policy, &shipper);
            let numbered =
                (100..).zip(&superset).map(|(number, line)| (number, line.len() as u64 + 1, &line[..]));
            let sent = Batch { last: 99 + superset.len() as u64, ..batch(&["{}"]) };
            let sent = sent.with_lines(numbered, encoding).unwrap();
            router.stage().oneshot(sent).await.unwrap();
        }
        for taken in shipper.taken("lake") {
            assert!(kept(&taken) == unpacked(name), "{name}");
            let left: usize = taken.filtered.iter().map(|left| left.numbers.len()).sum();
            assert_eq!(taken.events as usize + left, superset.len(), "{name}");
            let read: u64 = taken.lines().unwrap().iter().map(|line| line.read_bytes).sum();
            let gone: u64 =
                taken.filtered.iter().flat_map(|left| &left.read_bytes).map(|&b| u64::from(b)).sum();
            assert_eq!(read + gone, superset.iter().map(|line| line.len() as u64 + 1).sum::<u64>(), "{name}");
        }
    }
}

/// The whole twin logs: a directory with `audit*.log`, `NAME.yaml` and `twin-NAME.log`. As a multiset the twin
/// must come out, but for the few lines that the superset never held.
#[tokio::test]
#[ignore = "reads the directory that AUDITRAIL_TWINS names"]
async fn whole_twin_logs_come_out() {
    let Some(dir) = std::env::var_os("AUDITRAIL_TWINS") else {
        eprintln!("skipped: AUDITRAIL_TWINS names no directory of twin logs");
        return;
    };
    let files = |prefix: &str| {
        let names = std::fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().path());
        let prefixed =
            |path: &std::path::PathBuf| path.file_name().unwrap().to_string_lossy().starts_with(prefix);
        names.filter(prefixed).collect::<Vec<_>>()
    };
    for twin in files("twin-") {
        let name = twin.file_stem().unwrap().to_string_lossy().replace("twin-", "");
        let shipper = Shipper::default();
        let stage = router(&twin.with_file_name(format!("{name}.yaml")), &shipper).stage();
        let mut first = 1;
        for file in files("audit") {
            for lines in split(&std::fs::read(&file).unwrap()).chunks(200) {
                let last = first + lines.len() as u64 - 1;
                let numbered =
                    (first..).zip(lines).map(|(number, line)| (number, line.len() as u64 + 1, &line[..]));
                let sent =
                    Batch { first, last, ..batch(&["{}"]) }.with_lines(numbered, Encoding::None).unwrap();
                stage.clone().oneshot(sent).await.unwrap();
                first = last + 1;
            }
        }
        let mut written = split(&std::fs::read(&twin).unwrap());
        let mut come_out: Vec<_> = shipper.taken("lake").iter().flat_map(kept).collect();
        written.sort();
        come_out.sort();
        let missing = written.iter().filter(|line| come_out.binary_search(line).is_err()).count();
        let extra = come_out.iter().filter(|line| written.binary_search(line).is_err()).count();
        assert!(extra == 0 && missing <= 15, "{name}: {missing} missing, {extra} extra");
        assert_eq!(written.len(), come_out.len() + missing, "{name}");
    }
}
