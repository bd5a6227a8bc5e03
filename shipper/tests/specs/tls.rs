//! Certificates: whom a destination trusts, what it shows, and what happens when the files change.

use std::path::Path;

use hyper::Version;
use shipper::Destination;

use crate::given::{self, Running, config, count, events};
use crate::https::{Authority, Https};

fn to(url: &str, tls: &str) -> Destination {
    given::destination(&format!("type: datadog, url: '{url}', api_key_file: 'key', tls: {{{tls}}}"))
}

/// The same destination with its key in `directory`.
fn keyed(directory: &Path, url: &str, tls: &str) -> Destination {
    let key = directory.join("key");
    std::fs::write(&key, "0123456789abcdef\n").unwrap();
    let Destination::Datadog(mut datadog) = to(url, tls) else { panic!() };
    datadog.api_key_file = Some(key);
    Destination::Datadog(datadog)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_intake_of_a_named_authority_is_spoken_to_in_http_2_or_in_what_it_can() {
    for (protocols, version) in
        [(&["h2", "http/1.1"][..], Version::HTTP_2), (&["http/1.1"], Version::HTTP_11)]
    {
        let directory = tempfile::tempdir().unwrap();
        let (authority, ca) = (Authority::new(), directory.path().join("ca.pem"));
        std::fs::write(&ca, authority.pem()).unwrap();
        let https = Https::start(&authority, None, protocols).await;
        let to = keyed(directory.path(), &https.url, &format!("ca_file: '{}'", ca.display()));
        let running = Running::start(&config(directory.path(), &[("dd", to)])).await;
        running.push(events("dd", 1, 20)).await.unwrap();
        running.drain().await;
        assert_eq!(https.lines(), given::sorted(1, 20));
        assert!(https.seen().iter().all(|seen| seen.version == version));
        running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_intake_of_another_authority_gets_nothing_and_status_says_why_until_the_right_one_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let (authority, ca) = (Authority::new(), directory.path().join("ca.pem"));
    std::fs::write(&ca, Authority::new().pem()).unwrap();
    let https = Https::start(&authority, None, &["h2"]).await;
    let to = keyed(directory.path(), &https.url, &format!("ca_file: '{}'", ca.display()));
    let running = Running::start(&config(directory.path(), &[("dd", to)])).await;
    running.push(events("dd", 1, 20)).await.unwrap();
    running.until("dd", |status| status.retries > 2).await;
    let problem = running.status("dd").problem;
    assert!(problem.contains("certificate") && problem.contains("ca.pem"), "{problem}");
    assert!(https.seen().is_empty());
    assert_eq!(count(&running.account("dd").spooled), 20, "nothing is lost");
    std::fs::write(&ca, authority.pem()).unwrap();
    running.drain().await;
    assert_eq!(https.lines(), given::sorted(1, 20));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_certificate_is_shown_and_renewed_without_a_start() {
    let directory = tempfile::tempdir().unwrap();
    let (authority, clients) = (Authority::new(), Authority::new());
    let [ca, certificate, key] = ["ca.pem", "tls.crt", "tls.key"].map(|name| directory.path().join(name));
    std::fs::write(&ca, authority.pem()).unwrap();
    clients.issue_to(&certificate, &key);
    let https = Https::start(&authority, Some(&clients), &["http/1.1"]).await;
    let tls = format!(
        "ca_file: '{}', cert_file: '{}', key_file: '{}'",
        ca.display(),
        certificate.display(),
        key.display()
    );
    let to = keyed(directory.path(), &https.url, &tls);
    let running = Running::start(&config(directory.path(), &[("dd", to)])).await;
    running.push(events("dd", 1, 10)).await.unwrap();
    running.drain().await;
    clients.issue_to(&certificate, &key);
    running.push(events("dd", 11, 20)).await.unwrap();
    running.drain().await;
    assert_eq!(https.lines(), given::sorted(1, 20));
    let shown: std::collections::BTreeSet<Vec<u8>> =
        https.seen().into_iter().map(|seen| seen.client.unwrap()).collect();
    assert_eq!(shown.len(), 2, "the new certificate is shown");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_authority_is_taken_up_and_files_that_are_none_leave_the_old_one_in_use() {
    let directory = tempfile::tempdir().unwrap();
    let (old, new, ca) = (Authority::new(), Authority::new(), directory.path().join("ca.pem"));
    std::fs::write(&ca, old.pem()).unwrap();
    let https = Https::start(&old, None, &["http/1.1"]).await;
    let to = keyed(directory.path(), &https.url, &format!("ca_file: '{}'", ca.display()));
    let running = Running::start(&config(directory.path(), &[("dd", to)])).await;
    running.push(events("dd", 1, 10)).await.unwrap();
    running.drain().await;
    std::fs::write(&ca, "nothing").unwrap();
    running.push(events("dd", 11, 20)).await.unwrap();
    running.drain().await;
    std::fs::write(&ca, new.pem()).unwrap();
    https.now(&new, None);
    running.push(events("dd", 21, 30)).await.unwrap();
    running.drain().await;
    assert_eq!(https.lines(), given::sorted(1, 30));
    running.stop().await;
}
