//! The alerts and the dashboard of `k8s/monitoring`, held against what the services export and what the page of alerts
//! tells.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use chassis::metrics::Kind;
use serde_json::Value;

/// Labels that Prometheus gives to whatever it scrapes in a cluster, and that of a histogram's bounds.
const ITS_OWN: [&str; 8] = ["namespace", "pod", "node", "instance", "job", "container", "service", "le"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

fn read(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).unwrap()
}

/// The names under which series are found, each with its labels.
fn series() -> BTreeMap<String, &'static [&'static str]> {
    let mut series = BTreeMap::new();
    let described = [
        collector::described_metrics(),
        router::described_metrics(),
        shipper::described_metrics(),
        insight::described_metrics(),
    ];
    for metric in described.into_iter().flatten() {
        if metric.kind == Kind::Histogram {
            for part in ["bucket", "sum", "count"] {
                series.insert(format!("{}_{part}", metric.name), metric.labels);
            }
        } else {
            series.insert(metric.name, metric.labels);
        }
    }
    series
}

/// The names of our metrics in an expression.
fn names(expression: &str) -> Vec<&str> {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    expression.split(|c: char| !word(c)).filter(|name| name.starts_with("auditrail_")).collect()
}

/// The labels that an expression selects or groups by.
fn labels(expression: &str) -> Vec<&str> {
    let inside = |open: &'static str, close: char| {
        expression
            .split(open)
            .skip(1)
            .filter_map(move |rest| rest.split_once(close))
            .map(|(inside, _)| inside)
    };
    let selected = inside("{", '}').flat_map(|inside| inside.split(','));
    let selected = selected.map(|one| one.split(['=', '!']).next().unwrap());
    let grouped =
        ["by (", "on ("].into_iter().flat_map(|word| inside(word, ')')).flat_map(|list| list.split(','));
    selected.chain(grouped).map(str::trim).filter(|label| !label.is_empty()).collect()
}

/// The labels that a text shows: `{{ $labels.pod }}` and `{{pod}}`.
fn shown(text: &str) -> Vec<&str> {
    let braces =
        text.split("{{").skip(1).filter_map(|rest| rest.split_once("}}")).map(|(inside, _)| inside.trim());
    braces
        .filter(|inside| !inside.starts_with("$value"))
        .map(|inside| inside.trim_start_matches("$labels."))
        .collect()
}

/// Holds an expression and the texts that are told of it against what is exported.
fn hold(what: &str, expression: &str, texts: &[&str]) {
    let series = series();
    let names = names(expression);
    assert!(!names.is_empty(), "{what} asks for no metric of ours: {expression}");
    let mut known: Vec<&str> = ITS_OWN.to_vec();
    for name in names {
        let labels = series.get(name).unwrap_or_else(|| panic!("{what}: nobody exports {name}"));
        known.extend(*labels);
    }
    for label in labels(expression) {
        assert!(known.contains(&label), "{what}: there is no label `{label}` in {expression}");
    }
    let grouped = labels(expression);
    for label in texts.iter().flat_map(|text| shown(text)) {
        assert!(grouped.contains(&label), "{what}: `{label}` is not in the result of {expression}");
    }
}

fn alerts() -> Vec<Value> {
    let document: Value = serde_saphyr::from_str(&read("k8s/monitoring/alerts.yaml")).unwrap();
    assert_eq!(document["kind"], "PrometheusRule");
    let groups = document["spec"]["groups"].as_array().unwrap();
    groups.iter().flat_map(|group| group["rules"].as_array().unwrap().clone()).collect()
}

/// `AuditrailQueueNearFull` as the page of alerts has it: `auditrail-queue-near-full`.
fn kebab(name: &str) -> String {
    let mut kebab = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() && !kebab.is_empty() {
            kebab.push('-');
        }
        kebab.push(c.to_ascii_lowercase());
    }
    kebab
}

#[test]
fn every_alert_asks_for_metrics_that_there_are_and_shows_labels_that_it_has() {
    let alerts = alerts();
    assert!(alerts.len() > 10);
    for alert in alerts {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (name, notes) = (text(&alert["alert"]), &alert["annotations"]);
        let (summary, description) = (text(&notes["summary"]), text(&notes["description"]));
        assert!(!summary.is_empty() && !description.is_empty(), "{name}");
        assert!(
            ["critical", "warning", "info"].contains(&text(&alert["labels"]["severity"]).as_str()),
            "{name}"
        );
        hold(&name, &text(&alert["expr"]), &[&summary, &description]);
    }
}

#[test]
fn every_alert_has_a_runbook_and_every_runbook_an_alert() {
    let page = read("docs/alerts.md");
    let mut told: Vec<String> =
        page.lines().filter_map(|line| line.strip_prefix("## ")).map(str::to_owned).collect();
    let mut fired = Vec::new();
    for alert in alerts() {
        let anchor = kebab(alert["alert"].as_str().unwrap());
        assert_eq!(alert["annotations"]["runbook_url"], format!("docs/alerts.md#{anchor}"));
        fired.push(anchor);
    }
    told.sort();
    fired.sort();
    assert_eq!(told, fired);
    for link in page.split("](#").skip(1).filter_map(|rest| rest.split(')').next()) {
        assert!(told.iter().any(|anchor| anchor == link), "{link}");
    }
}

#[test]
fn of_every_alert_it_is_played_when_it_fires_and_when_it_does_not() {
    let played: Value = serde_saphyr::from_str(&read("tests/suites/metrics/alerts_test.yaml")).unwrap();
    let tests = played["tests"].as_array().unwrap().iter();
    let looks: Vec<&Value> = tests.flat_map(|test| test["alert_rule_test"].as_array().unwrap()).collect();
    for alert in alerts() {
        let of_it = looks.iter().filter(|look| look["alertname"] == alert["alert"]);
        let fired: Vec<bool> = of_it
            .map(|look| look["exp_alerts"].as_array().is_some_and(|alerts| !alerts.is_empty()))
            .collect();
        assert!(fired.contains(&true) && fired.contains(&false), "{}: {fired:?}", alert["alert"]);
    }
}

#[test]
fn every_panel_of_the_dashboard_asks_for_metrics_that_there_are() {
    let dashboard: Value = serde_json::from_str(&read("k8s/monitoring/dashboard.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let mut asked = 0;
    for panel in panels.iter().filter(|panel| panel["type"] != "row") {
        let title = panel["title"].as_str().unwrap();
        for target in panel["targets"].as_array().unwrap() {
            asked += 1;
            let legend = target["legendFormat"].as_str().unwrap();
            hold(title, target["expr"].as_str().unwrap(), &[legend]);
        }
    }
    assert!(asked > 25, "{asked}");
    let ids: std::collections::BTreeSet<u64> =
        panels.iter().map(|panel| panel["id"].as_u64().unwrap()).collect();
    assert_eq!(ids.len(), panels.len(), "an id is given twice");
}

#[test]
fn what_kustomize_is_to_apply_is_there() {
    let listed: Value = serde_saphyr::from_str(&read("k8s/monitoring/kustomization.yaml")).unwrap();
    let files = listed["resources"].as_array().unwrap().iter();
    let files = files.chain(listed["configMapGenerator"][0]["files"].as_array().unwrap());
    for file in files {
        assert!(root().join("k8s/monitoring").join(file.as_str().unwrap()).exists(), "{file}");
    }
}
