//! What the services export, and what is written about it: `docs/metrics.md` is made from the code.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use chassis::metrics::{Description, Kind};

/// Set, it writes `docs/metrics.md` anew instead of comparing.
const REWRITE: &str = "AUDITRAIL_REWRITE";

const HEAD: &str = "\
# Metrics

Each service shows these at `/metrics` of its `http_listen`, as OpenMetrics text; a service that `auditrail up` runs
shows them at the console's address. This page is made from the code: `AUDITRAIL_REWRITE=1 cargo test -p tests --test
specs the_page_of_metrics` writes it anew.

Labels are bounded: after 1000 values of a metric further ones are counted together under `other`. Alerts and a
dashboard over these metrics are in `k8s/monitoring`; what to do when an alert fires is in [alerts.md](alerts.md).
";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

/// Every metric, by service.
fn services() -> [(&'static str, Vec<Description>); 4] {
    [
        ("collector", collector::described_metrics()),
        ("router", router::described_metrics()),
        ("shipper", shipper::described_metrics()),
        ("insight", insight::described_metrics()),
    ]
}

fn page() -> String {
    let mut page = HEAD.to_owned();
    for (service, metrics) in services() {
        writeln!(page, "\n## {service}").unwrap();
        for metric in &metrics {
            let Description { name, kind, labels, help, advice } = metric;
            let labels = match labels.is_empty() {
                true => String::new(),
                false => format!(", by `{}`", labels.join("`, `")),
            };
            let unit = match metric.unit() {
                "1" => String::new(),
                unit => format!(" in {unit}"),
            };
            let help = help.trim_end_matches('.');
            write!(page, "\n### `{name}`\n\n{}{unit}{labels}. {help}.\n\n", capital(kind.name())).unwrap();
            writeln!(page, "*When it moves*: {advice}").unwrap();
        }
    }
    page
}

fn capital(word: &str) -> String {
    word[..1].to_uppercase() + &word[1..]
}

#[test]
fn the_page_of_metrics_is_that_of_the_code() {
    let file = root().join("docs/metrics.md");
    let made = page();
    if std::env::var_os(REWRITE).is_some() {
        std::fs::write(&file, &made).unwrap();
    }
    let written = std::fs::read_to_string(&file).unwrap_or_default().replace("\r\n", "\n");
    assert!(written == made, "docs/metrics.md is not that of the code: run this test with {REWRITE}=1");
}

#[test]
fn every_name_of_a_metric_in_the_code_is_described() {
    let described: BTreeSet<String> =
        services().into_iter().flat_map(|(_, metrics)| metrics).map(|metric| metric.name).collect();
    for crate_name in ["collector", "router", "shipper", "insight"] {
        let mut files = vec![root().join(crate_name).join("src/metrics.rs")];
        let more = std::fs::read_dir(root().join(crate_name).join("src/metrics")).unwrap();
        files.extend(more.map(|entry| entry.unwrap().path()).filter(|path| !path.ends_with("advice.rs")));
        for file in files {
            let text = std::fs::read_to_string(file).unwrap();
            let shipped = text.split("#[cfg(test)]\nmod tests").next().unwrap();
            let named = shipped.split('"').skip(1).step_by(2).filter(|word| word.starts_with("auditrail_"));
            for name in named.filter(|name| !name.ends_with('_')) {
                assert!(
                    described.contains(name),
                    "{name} is not among the described metrics of {crate_name}"
                );
            }
        }
    }
}

#[test]
fn names_say_their_unit_last_and_counters_that_they_are_totals() {
    for (service, metrics) in services() {
        for metric in metrics {
            let name = metric.name.as_str();
            assert!(name.starts_with(&format!("auditrail_{service}_")), "{name}");
            assert_eq!(metric.kind == Kind::Counter, name.ends_with("_total"), "{name}");
            assert!(metric.kind != Kind::Histogram || metric.unit() == "seconds", "{name}");
            for abbreviated in ["_ms", "_kb", "_secs", "_sec", "_count", "_sum", "_bucket", "_info"] {
                assert!(!name.trim_end_matches("_total").ends_with(abbreviated), "{name}");
            }
            for label in metric.labels {
                assert!(!name.contains(&format!("_{label}_")) && *label != "le", "{name}: {label}");
            }
        }
    }
}
