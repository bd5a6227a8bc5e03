//! The console beyond loopback: whom it opens to.

use tests::process::output;

use super::certificates::{Certificate, get};
use super::installation::Installation;

#[tokio::test(flavor = "multi_thread")]
async fn the_console_opens_to_certificates_of_readers_and_operators_and_its_probes_need_none() {
    let installation = Installation::of(&["insight"]).await;
    let address = installation.http("insight");
    let asked = async |name: Option<&str>, path: &str| {
        get(&installation.authority, name.map(Certificate::of), &address, path, "").await
    };
    for reader in ["monitoring", "operator"] {
        let page = asked(Some(reader), "/").await;
        assert!(page.starts_with("HTTP/1.1 200") && page.contains("Auditrail"), "{page}");
    }
    for (stranger, path) in [(Some("router"), "/"), (None, "/"), (None, "/api/status")] {
        let page = asked(stranger, path).await;
        assert!(page.starts_with("HTTP/1.1 403") && page.contains("tls.roles.read"), "{page}");
    }
    for probe in ["/livez", "/readyz", "/metrics"] {
        let answer = asked(None, probe).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_no_certificate_comes_in_with_the_token_where_there_is_one() {
    let mut installation = Installation::prepared(&["insight"]);
    let token = installation.directory().join("token");
    std::fs::write(&token, "0123456789abcdef").unwrap();
    let config = installation.config("insight");
    let text = std::fs::read_to_string(&config).unwrap();
    let named = format!("https: true\n  token_file: '{}'\n", token.display());
    std::fs::write(&config, text.replace("https: true\n", &named)).unwrap();
    installation.start("insight").await;

    let address = installation.http("insight");
    let asked = async |name: Option<&str>, header: &str| {
        get(&installation.authority, name.map(Certificate::of), &address, "/api/status", header).await
    };
    let bearer = "authorization: Bearer 0123456789abcdef\r\n";
    assert!(asked(None, bearer).await.starts_with("HTTP/1.1 200"));
    assert!(asked(Some("router"), bearer).await.starts_with("HTTP/1.1 200"));
    assert!(asked(Some("monitoring"), "").await.starts_with("HTTP/1.1 200"));
    assert!(asked(Some("router"), "").await.starts_with("HTTP/1.1 401"));
}

#[test]
fn a_console_that_should_have_certificates_and_has_none_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("auditrail.yaml");
    std::fs::write(&config, "insight: {https: true}\n").unwrap();
    let checked = output("auditrail", &["config", "check", config.to_str().unwrap()]);
    let told = String::from_utf8(checked.stderr).unwrap();
    assert_eq!(checked.status.code(), Some(64));
    assert!(told.contains("insight.https") && told.contains("section `tls`"), "{told}");
}
