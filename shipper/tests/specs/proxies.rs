//! Proxies: those that are configured, and those that the environment names.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use chassis::datadog::Environment;

use crate::given::{self, Running, config, events};
use crate::http::{self, LINES};
use crate::https::{Authority, Https};
use crate::intake::{Intake, Reply};
use crate::proxy::Proxy;

#[tokio::test(flavor = "multi_thread")]
async fn a_configured_proxy_is_asked_in_absolute_form_for_http_and_by_connect_for_https() {
    let directory = tempfile::tempdir().unwrap();
    let intake = Intake::speaking(LINES, |_| Reply::Status(200)).await;
    let proxy = Proxy::to(&intake.url).await;
    let to = http::to(&intake.url, &format!("proxy: 'http://{}'", proxy.address));
    let running = Running::start(&config(directory.path(), &[("to", to)])).await;
    running.push(events("to", 1, 10)).await.unwrap();
    running.drain().await;
    assert_eq!(intake.messages(), given::sorted(1, 10));
    assert!(
        proxy.heads()[0].starts_with(&format!("POST {}/in HTTP/1.1\r\n", intake.url)),
        "{:?}",
        proxy.heads()
    );
    running.stop().await;

    let directory = tempfile::tempdir().unwrap();
    let (authority, [ca, key]) =
        (Authority::new(), ["ca.pem", "key"].map(|name| directory.path().join(name)));
    std::fs::write(&ca, authority.pem()).unwrap();
    std::fs::write(&key, "0123456789abcdef").unwrap();
    let https = Https::start(&authority, None, &["h2", "http/1.1"]).await;
    let proxy = Proxy::to(&https.url).await;
    let to = given::destination(&format!(
        "type: datadog, url: '{}', api_key_file: '{}', tls: {{ca_file: '{}'}}, proxy: 'http://{}'",
        https.url,
        key.display(),
        ca.display(),
        proxy.address
    ));
    let running = Running::start(&config(directory.path(), &[("dd", to)])).await;
    running.push(events("dd", 1, 10)).await.unwrap();
    running.drain().await;
    assert_eq!(https.lines(), given::sorted(1, 10));
    let heads = proxy.heads();
    assert!(heads[0].starts_with("CONNECT 127.0.0.1:"), "{heads:?}");
    assert!(heads.iter().all(|head| !head.contains("0123456789abcdef")), "the key is for the intake alone");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_agent_s_proxies_are_used_but_for_the_hosts_that_it_excepts() {
    let intake = Intake::willing().await;
    let proxy = Proxy::to(&intake.url).await;
    let address = format!("http://me:hunter2@{}", proxy.address);
    let agent = |no_proxy: &str| {
        let said = [("DD_PROXY_HTTP", address.as_str()), ("DD_PROXY_NO_PROXY", no_proxy)];
        Environment::read(said.map(|(name, value)| (name.to_owned(), value.to_owned()))).unwrap()
    };
    let directory = tempfile::tempdir().unwrap();
    let to = given::datadog("http://intake.invalid");
    let open = config(directory.path(), &[("dd", to)]).with_environment(&agent("other.invalid x.y")).unwrap();
    assert!(!format!("{open:?}").contains("hunter2"));
    let running = Running::start(&open).await;
    running.push(events("dd", 1, 10)).await.unwrap();
    running.drain().await;
    assert_eq!(intake.messages(), given::sorted(1, 10));
    let head = proxy.heads().remove(0);
    assert!(head.starts_with("POST http://intake.invalid/api/v2/logs HTTP/1.1\r\n"), "{head}");
    assert!(head.to_ascii_lowercase().contains("proxy-authorization: basic bwu6ahvudgvymg=="), "{head}");
    running.stop().await;

    let directory = tempfile::tempdir().unwrap();
    let to = given::datadog("http://intake.invalid");
    let excepted =
        config(directory.path(), &[("dd", to)]).with_environment(&agent("x.y intake.invalid")).unwrap();
    let running = Running::start(&excepted).await;
    running.push(events("dd", 1, 10)).await.unwrap();
    running.until("dd", |status| status.retries > 1).await;
    assert!(!running.status("dd").problem.contains("hunter2"), "{}", running.status("dd").problem);
    assert_eq!(proxy.heads().len(), 1, "no more than before");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_wants_credentials_holds_and_says_so() {
    for scheme in ["http", "https"] {
        let directory = tempfile::tempdir().unwrap();
        let proxy = Proxy::closed().await;
        let (url, settings) =
            (format!("{scheme}://intake.invalid"), format!("proxy: 'http://{}'", proxy.address));
        let running = Running::start(&config(directory.path(), &[("to", http::to(&url, &settings))])).await;
        running.push(events("to", 1, 10)).await.unwrap();
        running.until("to", |status| status.state == "held").await;
        let problem = running.status("to").problem;
        assert!(problem.contains("407") && problem.contains("HTTPS_PROXY"), "{problem}");
        assert!(running.account("to").dead.is_empty());
        running.stop().await;
    }
}

const CHILD: &str = "SHIPPER_PROXY_CHILD";

/// Not a test of its own: sends ten events to an intake that only a proxy knows, and prints what status says.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "the child of `the_environment_s_proxy_is_used_but_for_what_no_proxy_excepts_and_its_password_is_not_shown`"]
async fn child() {
    let Ok(directory) = std::env::var(CHILD) else { return };
    let to = http::to("http://intake.invalid", "");
    let running = Running::start(&config(&PathBuf::from(directory), &[("to", to)])).await;
    running.push(events("to", 1, 10)).await.unwrap();
    running.until("to", |status| status.retries > 1 || status.state == "idle").await;
    println!("{:?}", running.status("to"));
    running.stop().await;
}

/// What the child printed.
fn run(proxy: &Proxy, no_proxy: &str) -> String {
    let directory = tempfile::tempdir().unwrap();
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "proxies::child", "--ignored", "--nocapture"])
        .env(CHILD, directory.path())
        .env("HTTP_PROXY", format!("http://me:hunter2@{}", proxy.address))
        .env("http_proxy", format!("http://me:hunter2@{}", proxy.address))
        .env("NO_PROXY", no_proxy)
        .env("no_proxy", no_proxy)
        .env_remove("REQUEST_METHOD")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    String::from_utf8_lossy(&[child.stdout, child.stderr].concat()).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_environment_s_proxy_is_used_but_for_what_no_proxy_excepts_and_its_password_is_not_shown() {
    let intake = Intake::speaking(LINES, |_| Reply::Status(200)).await;
    let proxy = Proxy::to(&intake.url).await;
    for (no_proxy, arrived) in [("intake.invalid", 0), ("other.invalid", 10)] {
        let asked = proxy.clone();
        let printed = tokio::task::spawn_blocking(move || run(&asked, no_proxy)).await.unwrap();
        assert!(printed.contains("1 passed") && !printed.contains("hunter2"), "{printed}");
        assert_eq!(intake.messages().len(), arrived, "{printed}");
    }
    assert!(proxy.heads()[0].to_ascii_lowercase().contains("proxy-authorization: basic"));
}
