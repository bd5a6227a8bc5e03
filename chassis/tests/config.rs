//! The configuration as an operator meets it: files with mistakes, and what is said about them.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use chassis::config::Origin;
use chassis::datadog::LogsEntry;
use chassis::telemetry::Telemetry;
use chassis::{ByteSize, Configuration, Invalid, SECTIONS, Section, Span};
use serde::Deserialize;

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Collector {
    logs: Vec<LogsEntry>,
    queue: Queue,
    next: String,
    labels: BTreeMap<String, String>,
    start: Start,
    in_flight: u32,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Queue {
    dir: PathBuf,
    max_size: ByteSize,
    flush: Span,
}

#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Start {
    Beginning,
    End,
}

impl Default for Queue {
    fn default() -> Self {
        Self { dir: PathBuf::from("queue"), max_size: ByteSize::gib(2), flush: Span::millis(100) }
    }
}

impl Default for Collector {
    fn default() -> Self {
        Self {
            logs: Vec::new(),
            queue: Queue::default(),
            next: "http://127.0.0.1:7102".to_owned(),
            labels: BTreeMap::new(),
            start: Start::Beginning,
            in_flight: 8,
        }
    }
}

impl Section for Collector {
    const NAME: &'static str = "collector";

    fn validate(&self) -> Result<(), Invalid> {
        if self.queue.max_size < ByteSize::mib(64) {
            let why = format!("{} is smaller than one segment; write 64MiB or more", self.queue.max_size);
            return Err(Invalid::new("queue.max_size", why));
        }
        if self.in_flight == 0 {
            return Err(Invalid::new("in_flight", "0 would never send; write 1 or more"));
        }
        Ok(())
    }
}

const FULL: &str = "\
# The file of a small cluster.
collector:
  logs:
    - {type: file, path: /var/log/audit.log, source: kubernetes.audit, service: audit}
  queue: {dir: /var/lib/auditrail, max_size: 3GiB}
  next: http://router:7102
router:
  anything: [1, 2, {deep: true}]
";

fn configuration(text: &str, variables: &[(&str, &str)]) -> Configuration {
    let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Configuration::parse(Path::new("auditrail.yaml"), text.to_owned(), variables).unwrap()
}

fn collector(text: &str, variables: &[(&str, &str)]) -> Collector {
    configuration(text, variables).section().unwrap()
}

fn refused(text: &str, variables: &[(&str, &str)]) -> String {
    let refused = configuration(text, variables).section::<Collector>().unwrap_err().to_string();
    assert!(!refused.contains('\n'), "{refused}");
    refused
}

#[test]
fn a_section_is_read_and_the_others_are_left_alone() {
    let read = collector(FULL, &[]);
    assert_eq!(read.queue.max_size, ByteSize::gib(3));
    assert_eq!(read.queue.flush, Span::millis(100));
    assert_eq!(read.logs[0].source, "kubernetes.audit");
}

#[test]
fn without_a_file_the_defaults_hold() {
    let configuration = Configuration::read(None, []).unwrap();
    assert_eq!(configuration.section::<Collector>().unwrap(), Collector::default());
    for nothing in ["", "# only a comment\n", "collector:\n", "---\n", "router: {a: 1}\n"] {
        assert_eq!(collector(nothing, &[]), Collector::default(), "{nothing}");
    }
}

#[test]
fn an_unknown_key_is_refused_with_file_line_and_the_allowed_keys() {
    assert_eq!(
        refused("collector:\n  queue:\n    max_sise: 2GiB\n", &[]),
        "auditrail.yaml:3:5: section `collector`: unknown field `max_sise`, expected one of `dir`, `max_size`, `flush`"
    );
}

#[test]
fn a_wrong_value_is_refused_with_its_place_and_the_allowed_ones() {
    let said = refused("collector:\n  start: middle\n", &[]);
    assert!(said.starts_with("auditrail.yaml:2:10: section `collector`: "), "{said}");
    assert!(said.contains("`middle`") && said.contains("beginning") && said.contains("end"), "{said}");
    let said = refused("collector:\n  in_flight: many\n", &[]);
    assert!(said.starts_with("auditrail.yaml:2:14: section `collector`: "), "{said}");
}

#[test]
fn a_missing_unit_is_refused_with_its_place() {
    let said = refused("collector:\n  queue: {max_size: 512}\n", &[]);
    assert!(said.starts_with("auditrail.yaml:2:21: section `collector`: `512` has no unit"), "{said}");
    let said = refused("collector:\n  queue:\n    flush: 5\n", &[]);
    assert!(said.starts_with("auditrail.yaml:3:12: section `collector`: `5` has no unit"), "{said}");
}

#[test]
fn a_rule_between_keys_points_at_the_key() {
    assert_eq!(
        refused("collector:\n  next: http://a\n  queue:\n    dir: q\n    max_size: 1MiB\n", &[]),
        "auditrail.yaml:5:5: section `collector`: `queue.max_size`: 1MiB is smaller than one segment; write 64MiB or more"
    );
}

#[test]
fn a_key_written_twice_is_refused() {
    for (text, said) in [
        ("collector:\n  next: a\n  next: b\n", "a.yaml:3:3: `next` is said twice; keep one"),
        ("collector:\ncollector:\n", "a.yaml:2:1: `collector` is said twice; keep one"),
    ] {
        let twice = Configuration::parse(Path::new("a.yaml"), text.to_owned(), []);
        assert_eq!(twice.unwrap_err().to_string(), said);
    }
}

#[test]
fn what_is_no_mapping_is_refused() {
    for (text, place) in
        [("[1, 2]", "a.yaml:1:1: "), ("collector: {a: [1}", "a.yaml:1:"), ("just words", "a.yaml:1:1: ")]
    {
        let said = Configuration::parse(Path::new("a.yaml"), text.to_owned(), []).unwrap_err().to_string();
        assert!(said.starts_with(place), "{said}");
    }
    let said = refused("collector: [1]\n", &[]);
    assert!(said.starts_with("auditrail.yaml:1:12: section `collector`: "), "{said}");
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("missing.yaml");
    let said = Configuration::read(Some(&path), []).unwrap_err().to_string();
    assert!(said.contains("missing.yaml cannot be read"), "{said}");
    fs::write(&path, vec![b'#'; 5 << 20]).unwrap();
    let said = Configuration::read(Some(&path), []).unwrap_err().to_string();
    assert!(said.contains("larger than 4 MiB"), "{said}");
}

#[test]
fn a_variable_goes_before_the_file_and_before_the_defaults() {
    let variables = [
        ("AUDITRAIL_COLLECTOR__QUEUE__MAX_SIZE", "5GiB"),
        ("AUDITRAIL_COLLECTOR__LOGS__0__PATH", "/elsewhere/audit.log"),
        ("AUDITRAIL_COLLECTOR__IN_FLIGHT", "3"),
        ("AUDITRAIL_COLLECTOR__LABELS", "{team: a, tier: \"1\"}"),
        ("AUDITRAIL_COLLECTOR__LABELS__TIER", "0012"),
        ("AUDITRAIL_LOG", "debug"),
        ("PATH", "/bin"),
    ];
    let read = collector(FULL, &variables);
    assert_eq!(
        read.queue,
        Queue { dir: "/var/lib/auditrail".into(), max_size: ByteSize::gib(5), ..Queue::default() }
    );
    assert_eq!(read.logs[0].path, Path::new("/elsewhere/audit.log"));
    assert_eq!(read.in_flight, 3);
    assert_eq!(read.labels["team"], "a");
    assert_eq!(read.labels["tier"], "0012", "a value is read as it would be in the file, spelling and all");
    assert_eq!(collector("", &variables[..1]).queue.max_size, ByteSize::gib(5));
}

#[test]
fn an_override_is_checked_like_the_file() {
    for (name, value, why) in [
        ("AUDITRAIL_COLLECTOR__QUEUE__MAX_SISE", "2GiB", "unknown field `max_sise`, expected one of `dir`"),
        ("AUDITRAIL_COLLECTOR__QUEUE__MAX_SIZE", "512", "`512` has no unit"),
        (
            "AUDITRAIL_COLLECTOR__QUEUE__MAX_SIZE",
            "1MiB",
            "`queue.max_size`: 1MiB is smaller than one segment",
        ),
        ("AUDITRAIL_COLLECTOR__START", "middle", "`middle`"),
        ("AUDITRAIL_COLLECTOR__IN_FLIGHT", "0", "`in_flight`: 0 would never send"),
        ("AUDITRAIL_COLLECTOR__NEXT__HOST", "a", "`next` is a single value and has no key `host`"),
        ("AUDITRAIL_COLLECTOR__LOGS__7__PATH", "a", "`logs` is a list of 1: name an entry by its number"),
        ("AUDITRAIL_COLLECTOR__LOGS", "[a, b", ""),
        ("AUDITRAIL_COLLECTOR____NEXT", "a", "an empty key between two `__`"),
    ] {
        let said = refused(FULL, &[(name, value)]);
        let prefix = format!("environment variable {name}: section `collector`: ");
        assert!(said.starts_with(&prefix) && said.contains(why), "{said}");
    }
}

#[test]
fn a_mistake_in_the_file_keeps_its_place_when_there_are_overrides() {
    let variable = [("AUDITRAIL_COLLECTOR__IN_FLIGHT", "3")];
    for text in [
        "collector:\n  next: a\n  queue: {max_size: 512}\n",
        "collector:\n  queue:\n    max_sise: 2GiB\n",
        "collector:\n  start: middle\n",
        "# a\ncollector:\n  labels: {a: [1, 2]}\n",
    ] {
        assert_eq!(refused(text, &variable), refused(text, &[]), "{text}");
    }
}

#[test]
fn what_a_file_means_does_not_change_because_something_else_is_overridden() {
    let text = "collector:\n  labels: {a: 0x10, b: 1.50, c: 'it''s', d: \"tab\\t\u{1F600}\", e: yes, f: 1_000, g: ~x, \
                h: &h \"# no comment\", i: *h}\n  next: >\n    folded\n    text\n";
    let same = collector(text, &[("AUDITRAIL_COLLECTOR__IN_FLIGHT", "8")]);
    assert_eq!(same, collector(text, &[]));
    assert_eq!(same.labels["a"], "0x10");
}

#[test]
fn a_scalar_in_a_variable_is_taken_whole() {
    for value in
        ["a: b", "# not a comment", "http://x:1 #y", "*star", "@at", "'quoted'", "- dash", "tab\there", "{"]
    {
        let set = [("AUDITRAIL_COLLECTOR__NEXT", value)];
        if value == "{" {
            assert!(refused("", &set).contains("AUDITRAIL_COLLECTOR__NEXT"));
        } else {
            assert_eq!(collector("", &set).next, value);
        }
    }
}

#[test]
fn names_of_keys_are_found_without_regard_to_case() {
    let text = "collector:\n  labels: {My-Team: a}\n";
    let read = collector(text, &[("AUDITRAIL_COLLECTOR__LABELS__MY_TEAM", "b")]);
    assert_eq!(read.labels, BTreeMap::from([("My-Team".to_owned(), "b".to_owned())]));
}

#[test]
fn every_value_has_an_origin() {
    let variables = [("AUDITRAIL_COLLECTOR__QUEUE__DIR", "/q"), ("AUDITRAIL_TELEMETRY__LOG", "debug")];
    let configuration = configuration(FULL, &variables);
    let origin = |key| configuration.origin_of(key).to_string();
    assert_eq!(origin("collector.queue.max_size"), "auditrail.yaml:5:36");
    assert_eq!(origin("collector.logs.0.path"), "auditrail.yaml:4:20");
    assert_eq!(origin("collector.queue.dir"), "environment variable AUDITRAIL_COLLECTOR__QUEUE__DIR");
    assert_eq!(configuration.origin_of("collector.in_flight"), Origin::Default);
    assert!(configuration.has("router") && configuration.has("telemetry") && !configuration.has("shipper"));
    assert_eq!(configuration.section::<Telemetry>().unwrap().log, "debug");
}

#[test]
fn an_unknown_section_is_refused_in_the_file_and_in_variables() {
    let known = "unknown section `colector`, expected one of `collector`, `router`, `shipper`";
    let in_file = configuration("router: {}\ncolector:\n  a: 1\n", &[]);
    let said = in_file.refuse_unknown_sections(&SECTIONS).unwrap_err().to_string();
    assert!(said.starts_with(&format!("auditrail.yaml:2:1: {known}")), "{said}");
    let in_variable = configuration(FULL, &[("AUDITRAIL_COLECTOR__NEXT", "a")]);
    let said = in_variable.refuse_unknown_sections(&SECTIONS).unwrap_err().to_string();
    assert!(said.contains("AUDITRAIL_COLECTOR__NEXT") && said.contains(known), "{said}");
    configuration(FULL, &[]).refuse_unknown_sections(&SECTIONS).unwrap();
}

#[test]
fn the_value_of_a_variable_is_not_in_debug_output() {
    let configuration = configuration("", &[("AUDITRAIL_SHIPPER__PASSWORD", "hunter2")]);
    let shown = format!("{configuration:?}");
    assert!(shown.contains("AUDITRAIL_SHIPPER__PASSWORD") && !shown.contains("hunter2"), "{shown}");
}

#[test]
fn telemetry_is_checked_too() {
    for (text, why) in [
        ("telemetry: {sample: 2}", "`sample`: 2 is not a share between 0 and 1"),
        ("telemetry: {otlp: localhost}", "`otlp`: `localhost` is no URL"),
        ("telemetry: {log: nonsense}", "`nonsense` is not one of off, error, warn, info, debug, trace"),
        ("telemetry: {log: 'collector=loud'}", "`log`: `collector=loud` is no log level"),
        ("telemetry: {protocol: carrier}", "`carrier`"),
    ] {
        let said = configuration(text, &[]).section::<Telemetry>().unwrap_err().to_string();
        assert!(said.starts_with("auditrail.yaml:1:") && said.contains(why), "{said}");
    }
    assert_eq!(configuration("", &[]).section::<Telemetry>().unwrap(), Telemetry::default());
}

proptest::proptest! {
    #[test]
    fn any_text_in_a_file_survives_an_override_of_something_else(text: String) {
        let yaml = serde_json::json!({"collector": {"next": text}}).to_string();
        let Ok(plain) = Configuration::parse(Path::new("a.yaml"), yaml.clone(), []) else { return Ok(()) };
        let Ok(plain) = plain.section::<Collector>() else { return Ok(()) };
        proptest::prop_assert_eq!(collector(&yaml, &[("AUDITRAIL_COLLECTOR__IN_FLIGHT", "8")]), plain);
    }

    #[test]
    fn any_text_in_a_variable_is_read_or_refused_by_its_name(text: String) {
        let set = [("AUDITRAIL_COLLECTOR__NEXT", text.as_str())];
        if let Err(refused) = configuration("", &set).section::<Collector>() {
            proptest::prop_assert!(refused.to_string().starts_with("environment variable AUDITRAIL_COLLECTOR__NEXT: "));
        }
    }

    #[test]
    fn any_text_as_a_file_is_read_or_refused_with_its_place(text: String) {
        match Configuration::parse(Path::new("a.yaml"), text, []) {
            Ok(configuration) => drop(configuration.section::<Collector>()),
            Err(refused) => proptest::prop_assert!(refused.to_string().starts_with("a.yaml"), "{}", refused),
        }
    }
}
