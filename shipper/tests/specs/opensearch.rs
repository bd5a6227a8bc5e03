//! A real OpenSearch, where `AUDITRAIL_OPENSEARCH` names one: `tests/suites/opensearch.sh` starts it.

use std::collections::BTreeMap;
use std::path::Path;

use reqwest::Client;
use serde_json::{Value, json};

use crate::elastic;
use crate::given::{self, Running, batch, config, count, event, events, named};

/// The server that the suite started.
fn server() -> String {
    std::env::var("AUDITRAIL_OPENSEARCH").expect("AUDITRAIL_OPENSEARCH names the server")
}

fn client() -> Client {
    // Every client of this process may be the first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder().tls_certs_only([]).no_proxy().build().unwrap()
}

async fn ask(method: &str, url: &str, body: Option<Value>) -> Value {
    let request = client().request(method.parse().unwrap(), url).header("content-type", "application/json");
    let text = body.map(|body| body.to_string()).unwrap_or_default();
    let reply = request.body(text).send().await.unwrap().text().await.unwrap();
    serde_json::from_str(&reply).unwrap_or(Value::Null)
}

/// How many documents an index has.
async fn documents(server: &str, index: &str) -> u64 {
    ask("POST", &format!("{server}/{index}/_refresh"), None).await;
    let told = ask("GET", &format!("{server}/{index}/_count"), None).await;
    told["count"].as_u64().unwrap_or_else(|| panic!("{told}"))
}

fn to(server: &str, index: &str) -> shipper::Destination {
    let settings = format!("type: elasticsearch, url: '{server}', index: {index}");
    given::destination(&settings)
}

/// The lines of a recorded log.
fn recorded(name: &str) -> Vec<Vec<u8>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures").join(name);
    let text = zstd::decode_all(std::fs::File::open(path).unwrap()).unwrap();
    text.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()).map(<[u8]>::to_vec).collect()
}

/// What `docs/destinations.md` recommends.
fn template() -> Value {
    let page = include_str!("../../../docs/destinations.md");
    let json = page.split_once("PUT _index_template/auditrail\n").unwrap().1.split_once("```").unwrap().0;
    serde_json::from_str(json).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a server; run tests/suites/opensearch.sh"]
async fn every_event_of_a_real_log_is_a_document_once_under_the_recommended_template() {
    let server = server();
    ask("PUT", &format!("{server}/_index_template/auditrail"), Some(template())).await;
    for (index, name) in [("auditrail-real", "real"), ("auditrail-superset", "twin-superset")] {
        let lines = recorded(&format!("{name}.log.zst"));
        let directory = tempfile::tempdir().unwrap();
        let running = Running::start(&config(directory.path(), &[("os", to(&server, index))])).await;
        running.push(batch("os", 1, &lines)).await.unwrap();
        running.drain().await;
        let account = running.account("os");
        assert_eq!((count(&account.delivered), named(&account.dead)), (lines.len() as u64, BTreeMap::new()));
        assert_eq!(documents(&server, index).await, lines.len() as u64);
        running.stop().await;
    }
    let mapping = ask("GET", &format!("{server}/auditrail-superset/_mapping"), None).await;
    let fields = mapping.to_string().matches("\"type\"").count();
    assert!(fields < 150, "bodies do not explode the mapping: {fields} fields");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a server; run tests/suites/opensearch.sh"]
async fn a_spool_that_is_sent_again_from_the_beginning_changes_nothing() {
    let server = server();
    for _ in 0..2 {
        // A new spool each time: nothing here remembers what was sent.
        let directory = tempfile::tempdir().unwrap();
        let running = Running::start(&config(directory.path(), &[("os", to(&server, "again"))])).await;
        running.push(events("os", 1, 500)).await.unwrap();
        running.drain().await;
        assert_eq!(count(&running.account("os").delivered), 500);
        assert_eq!(documents(&server, "again").await, 500);
        running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a server; run tests/suites/opensearch.sh"]
async fn a_conflict_with_the_mapping_is_a_dead_letter_with_the_server_s_words_and_its_neighbours_are_indexed()
{
    let server = server();
    let mapping =
        json!({"mappings": {"properties": {"verb": {"type": "keyword"}, "code": {"type": "long"}}}});
    ask("PUT", &format!("{server}/conflict"), Some(mapping)).await;
    let directory = tempfile::tempdir().unwrap();
    let running = Running::start(&config(directory.path(), &[("os", to(&server, "conflict"))])).await;
    let mut lines: Vec<String> = (1..=20).map(event).collect();
    lines[6] = r#"{"kind":"Event","verb":"list","code":"no number"}"#.to_owned();
    running.push(batch("os", 1, &lines)).await.unwrap();
    running.drain().await;
    let account = running.account("os");
    assert_eq!((count(&account.delivered), named(&account.dead)), (19, [("rejected".to_owned(), 1)].into()));
    assert_eq!(documents(&server, "conflict").await, 19);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a server; run tests/suites/opensearch.sh"]
async fn documents_of_text_and_requests_in_gzip_and_plain_are_taken() {
    let server = server();
    for (at, settings) in ["document: message", "compression: none", "compression: gzip"].iter().enumerate() {
        let directory = tempfile::tempdir().unwrap();
        let to = elastic::to(&server, settings);
        let running = Running::start(&config(directory.path(), &[("os", to)])).await;
        let first = 1 + at as u64 * 100;
        running.push(events("os", first, first + 99)).await.unwrap();
        running.drain().await;
        assert_eq!(count(&running.account("os").delivered), 100);
        assert_eq!(documents(&server, "audit").await, first + 99);
        running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a server; run tests/suites/opensearch.sh"]
async fn an_index_that_is_closed_holds_and_costs_no_event() {
    let server = server();
    ask("PUT", &format!("{server}/closed"), None).await;
    ask("POST", &format!("{server}/closed/_close"), None).await;
    let directory = tempfile::tempdir().unwrap();
    let running = Running::start(&config(directory.path(), &[("os", to(&server, "closed"))])).await;
    running.push(events("os", 1, 20)).await.unwrap();
    running.until("os", |status| status.state == "held").await;
    let problem = running.status("os").problem;
    assert!(problem.contains("index_closed_exception"), "{problem}");
    ask("POST", &format!("{server}/closed/_open"), None).await;
    running.drain().await;
    assert_eq!((documents(&server, "closed").await, running.account("os").dead.len()), (20, 0));
    running.stop().await;
}
