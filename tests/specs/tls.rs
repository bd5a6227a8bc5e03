//! Services that know each other by certificates: who is refused, in which words, and what happens while certificates
//! change. Each service has an address of its own on loopback, and files as cert-manager writes them.

mod certificates;
mod console;
mod installation;

use std::time::{Duration, SystemTime};

use proto::v1::{HoldRequest, StatusRequest};
use proto::{Batch, Encoding, Origin, Receipt, Refusal, Spread, Stage};
use tests::eventually::eventually;
use tests::port::free_port;
use tests::process::{Process, command, output};
use tower::ServiceExt;

use certificates::{Authority, Certificate};
use installation::{Installation, hosts};

/// A batch of one line.
fn batch(number: u64) -> Batch {
    let line = b"{\"a\":1}\n";
    Batch {
        origin: Some(Origin { node: "cp-9".into(), path: "/x.log".into(), ..Origin::default() }),
        queue: vec![7; 16],
        first: number,
        last: number,
        destination: "copy".into(),
        events: 1,
        block_bytes: line.len() as u64,
        encoding: Encoding::None.into(),
        block: line.to_vec().into(),
        ..Batch::default()
    }
}

async fn pushed(stage: Stage, number: u64) -> Result<Receipt, Refusal> {
    stage.oneshot(batch(number)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_without_the_role_is_refused_and_told_its_names_and_the_setting() {
    let installation = Installation::of(&["shipper"]).await;
    let caller = |name: &str| installation.caller(&installation.authority, Certificate::of(name));
    let url = installation.url("shipper");

    let refusal = pushed(caller("stranger").stage(&url, Spread::ByOrigin).unwrap(), 1).await.unwrap_err();
    assert!(matches!(refusal, Refusal::Unauthorised { .. }), "{refusal}");
    assert!(refusal.why().contains("`stranger`") && refusal.why().contains("`tls.roles.push`"), "{refusal}");
    pushed(caller("router").stage(&url, Spread::ByOrigin).unwrap(), 1).await.unwrap();

    let hold = || HoldRequest { destination: "copy".into(), reason: "a spec".into() };
    for (name, role) in [("router", "admin"), ("monitoring", "admin")] {
        let refused = caller(name).shipper(&url).unwrap().hold(hold()).await.unwrap_err();
        assert_eq!(format!("{:?}", refused.code()), "PermissionDenied");
        let setting = format!("`tls.roles.{role}`");
        assert!(refused.message().contains(name) && refused.message().contains(&setting), "{refused:?}");
    }
    caller("operator").shipper(&url).unwrap().hold(hold()).await.unwrap();

    let refused = caller("router").admin(&url).unwrap().status(StatusRequest {}).await.unwrap_err();
    assert!(refused.message().contains("`tls.roles.read`"), "{refused:?}");
    let told = caller("monitoring").admin(&url).unwrap().status(StatusRequest {}).await.unwrap().into_inner();
    let problems = told.services[0].problems.join("\n");
    assert!(problems.contains("127.0.0.1 was refused") && problems.contains("router"), "{problems}");

    assert!(caller("router").is_serving(&url).await.unwrap());
    let refused = caller("stranger").is_serving(&url).await.unwrap_err().to_string();
    assert!(refused.contains("stranger"), "{refused}");
    installation.said("shipper", "127.0.0.1 was refused: the caller's certificate is that of `").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_that_are_foreign_expired_or_missing_are_refused_in_words_on_both_sides() {
    let installation = Installation::of(&["shipper"]).await;
    let url = installation.url("shipper");
    let foreign = Authority::new("foreign");
    let ours = &installation.authority;
    let year = Duration::from_secs(365 * 86_400);
    let past = Certificate::of("operator").until(SystemTime::now() - Duration::from_secs(60));
    let future = Certificate::of("operator").from(SystemTime::now() + year);

    for (what, certificate, we_hear, it_says) in [
        (
            "foreign",
            foreign.issue(&Certificate::of("operator")),
            "it refused our certificate: that does not come from its authority",
            "its certificate does not come from the authority in `tls.authority`",
        ),
        (
            "expired",
            ours.issue(&past),
            "it refused our certificate: that expired",
            "its certificate expired; renew it",
        ),
        (
            "from tomorrow",
            ours.issue(&future),
            "it refused our certificate",
            "its certificate does not hold yet; compare the clocks",
        ),
    ] {
        let caller = installation.caller_with(&ours.pem(), certificate);
        let heard = caller.is_serving(&url).await.unwrap_err().to_string();
        assert!(heard.contains(we_hear), "{what}: {heard}");
        let refusal = pushed(caller.stage(&url, Spread::ByOrigin).unwrap(), 1).await.unwrap_err();
        assert!(matches!(&refusal, Refusal::Unavailable { why } if why.contains(we_hear)), "{refusal}");
        installation.said("shipper", it_says).await;
    }

    let caller = installation.caller_with(&foreign.pem(), ours.issue(&Certificate::of("operator")));
    let heard = caller.is_serving(&url).await.unwrap_err().to_string();
    assert!(heard.contains("does not come from the authority in `tls.authority`"), "{heard}");

    let caller = installation.caller(ours, Certificate::of("operator")).named(Some("other".into()));
    let heard = caller.is_serving(&url).await.unwrap_err().to_string();
    assert!(heard.contains("not for `other`") && heard.contains("shipper"), "{heard}");

    let address = url.strip_prefix("https://").unwrap();
    let alert = certificates::without_one(ours, address).await;
    assert!(alert.contains("CertificateRequired"), "{alert}");
    installation.said("shipper", "it showed no certificate, and one is required here").await;

    assert!(proto::is_serving(&format!("http://{address}")).await.is_err());
    installation.said("shipper", "it does not speak TLS; its address of this service has to begin").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_and_authorities_change_under_load_and_no_line_is_lost_or_sent_twice() {
    let mut installation = Installation::of(&["shipper", "router", "collector"]).await;
    let services = ["shipper", "router", "collector"];
    installation.write(2000);
    installation.delivered(2000).await;

    // Renewed by the same authority.
    let old = installation.authority.pem();
    for service in services {
        installation.renew(service, &old);
        installation.write(500);
    }
    for service in services {
        installation.taken_up(service, 1).await;
    }
    installation.delivered(3500).await;
    assert_eq!(installation.repeated().await, 0, "a change of certificates ends no connection");

    // Another authority: first both are trusted, then its certificates are shown, then it alone is trusted.
    let next = Authority::new("next");
    let both = old + &next.pem();
    for service in services {
        installation.renew(service, &both);
        installation.write(300);
    }
    for service in services {
        installation.taken_up(service, 2).await;
    }
    installation.authority = next;
    for service in services {
        installation.renew(service, &both);
        installation.write(300);
    }
    for service in services {
        installation.taken_up(service, 3).await;
    }
    let only = installation.authority.pem();
    for service in services {
        installation.renew(service, &only);
        installation.write(300);
    }
    for service in services {
        installation.taken_up(service, 4).await;
    }
    // New connections to the router and from it, with certificates that only the new authority vouches for.
    installation.restart("router").await;
    installation.write(1000);
    installation.delivered(7200).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pair_that_is_half_written_leaves_the_old_one_in_use_and_says_so() {
    let installation = Installation::of(&["shipper"]).await;
    let caller = || installation.caller(&installation.authority, Certificate::of("operator"));
    let (certificate, key) = installation.authority.issue(&Certificate::of("shipper").at(hosts("shipper")));
    std::fs::write(installation.file("shipper", "tls.crt"), certificate).unwrap();
    installation.said("shipper", "the certificates from before stay in use: tls.certificate").await;

    assert!(caller().is_serving(&installation.url("shipper")).await.unwrap());
    let problems = installation.problems("shipper").await;
    assert!(problems.contains("does not go with tls.key"), "{problems}");

    std::fs::write(installation.file("shipper", "tls.key"), key).unwrap();
    installation.taken_up("shipper", 1).await;
    assert_eq!(installation.problems("shipper").await, "");
    assert!(caller().is_serving(&installation.url("shipper")).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_ends_soon_is_a_problem_in_the_status_and_its_end_a_metric() {
    let mut installation = Installation::prepared(&["shipper"]);
    let day = Duration::from_secs(86_400);
    let now = SystemTime::now();
    let soon = Certificate::of("shipper").from(now - 300 * day).until(now + 3 * day + day / 2);
    installation.place("shipper", installation.authority.issue(&soon.at(hosts("shipper"))));
    installation.start("shipper").await;

    let problems = installation.problems("shipper").await;
    assert!(problems.contains("expires in 3 days") && problems.contains("tls.crt"), "{problems}");
    let until = (now + 3 * day + day / 2).duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let page = installation.metrics("shipper").await;
    let line = format!("auditrail_shipper_certificate_expiry_timestamp_seconds {until}");
    assert!(page.contains(&line), "{page}");
    installation.renew("shipper", &installation.authority.pem());
    installation.taken_up("shipper", 1).await;
    assert_eq!(installation.problems("shipper").await, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_show_the_certificates_of_the_configuration_or_of_their_flags() {
    let installation = Installation::of(&["shipper"]).await;
    let config = installation.config("shipper");
    let config = config.to_str().unwrap();
    let data = installation.directory().join("none");
    let data = data.to_str().unwrap();
    let run = |arguments: &[&str]| {
        let ended = output("auditrail", arguments);
        let text = [ended.stdout, ended.stderr].map(|text| String::from_utf8(text).unwrap()).join("\n");
        (ended.status.code().unwrap(), text)
    };
    let (code, text) = run(&["status", "--config", config]);
    assert!(code == 0 && text.contains("copy"), "{code} {text}");
    let (code, text) = run(&["hold", "copy", "--config", config, "--data", data]);
    assert!(code == 0 && text.contains("copy is held"), "{code} {text}");

    let url = installation.url("shipper");
    let address = url.strip_prefix("https://").unwrap();
    let (code, text) = run(&["status", "--address", address]);
    assert!(code == 1, "plain text is not answered: {text}");
    let (code, text) = run(&["status", "--address", &url]);
    assert!(code == 1 && text.contains("section `tls`"), "{code} {text}");

    let files = installation.caller_files("operator");
    let flags = ["--tls-certificate", &files[0], "--tls-key", &files[1], "--tls-authority", &files[2]];
    let (code, text) = run(&[&["status", "--address", address][..], &flags].concat());
    assert!(code == 0 && text.contains("copy"), "{code} {text}");
    let (code, text) = run(&[&["hold", "release", "copy", "--address", address][..], &flags].concat());
    assert!(code == 0 && text.contains("copy is"), "{code} {text}");
    let (code, text) = run(&[&["dead-letters", "list", "--address", address][..], &flags].concat());
    assert_eq!(code, 0, "{text}");
    let (code, text) = run(&["status", "--address", address, "--tls-certificate", &files[0]]);
    assert!(code == 64 && text.contains("--tls-authority go together"), "{code} {text}");
    let stranger = installation.caller_files("stranger");
    let flags = ["--tls-certificate", &stranger[0], "--tls-key", &stranger[1], "--tls-authority", &files[2]];
    let (code, text) = run(&[&["status", "--address", address][..], &flags].concat());
    assert!(code == 1 && text.contains("stranger") && text.contains("tls.roles.read"), "{code} {text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_finds_certificates_that_expired_or_cannot_be_read() {
    let installation = Installation::prepared(&["collector"]);
    let config = installation.config("collector");
    let doctor = || {
        let ended = output("auditrail", &["doctor", "--config", config.to_str().unwrap()]);
        String::from_utf8(ended.stdout).unwrap()
    };
    let line = |text: &str| text.lines().find(|line| line.contains("certificates ")).unwrap().to_owned();
    let well = line(&doctor());
    assert!(well.starts_with("ok") && well.contains("is that of collector"), "{well}");

    let past = Certificate::of("collector").until(SystemTime::now() - Duration::from_secs(7200));
    installation.place("collector", installation.authority.issue(&past));
    let expired = line(&doctor());
    assert!(expired.starts_with("error") && expired.contains("expired 2 h ago"), "{expired}");

    std::fs::write(installation.file("collector", "tls.key"), "nothing").unwrap();
    let unreadable = line(&doctor());
    assert!(unreadable.starts_with("error") && unreadable.contains("tls.key"), "{unreadable}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_would_go_in_plain_text_beside_certificates_is_refused_with_the_setting_before_anything_starts()
{
    let installation = Installation::prepared(&["collector"]);
    let config = installation.config("collector");
    let text = std::fs::read_to_string(&config).unwrap();
    let refused = |text: &str| {
        std::fs::write(&config, text).unwrap();
        let ended = output("collector", &["--config", config.to_str().unwrap()]);
        assert_eq!(ended.status.code(), Some(64));
        String::from_utf8(ended.stderr).unwrap()
    };
    let said = refused(&text.replace("next: https", "next: http"));
    assert!(said.contains("`next`") && said.contains("https://host:port"), "{said}");
    let (without, _) = text.split_once("tls:").unwrap();
    let said = refused(without);
    assert!(said.contains("no section `tls`"), "{said}");
    let said = refused(&text.replace("key:", "keys:"));
    assert!(
        said.contains("collector.yaml:") && said.contains("keys") && said.contains("authority"),
        "{said}"
    );
    let said = refused(&text.replace("push: [", "push: ['*.audit', "));
    assert!(said.contains("roles.push.0") && said.contains("without `*`"), "{said}");
    std::fs::remove_file(installation.file("collector", "ca.crt")).unwrap();
    let said = refused(&text);
    assert!(said.contains("tls.authority") && said.contains("ca.crt"), "{said}");
    assert!(!installation.directory().join("queue").exists(), "nothing was opened");
}

#[tokio::test(flavor = "multi_thread")]
async fn all_services_in_one_process_are_asked_with_certificates_too() {
    let installation = Installation::prepared(&["collector"]);
    let (config, data) = (installation.directory().join("up.yaml"), installation.directory().join("data"));
    let text = std::fs::read_to_string(installation.config("collector")).unwrap();
    let (_, tls) = text.split_once("tls:").unwrap();
    let ports = [free_port(), free_port()].map(|port| format!("127.0.0.1:{port}"));
    let insight = format!("insight: {{listen: '{}', http_listen: '{}'}}", ports[0], ports[1]);
    std::fs::write(&config, format!("{insight}\ntls:{tls}")).unwrap();
    let [config, data] = [&config, &data].map(|path| path.to_str().unwrap());
    let mut up = command("auditrail");
    up.args(["up", "--config", config, "--data", data]);
    up.arg("--path").arg(installation.directory().join("audit.log"));
    let running = Process::start(up, &installation.directory().join("up.words"));
    let told = eventually("it answers", async || {
        let ended = output("auditrail", &["status", "--data", data, "--config", config]);
        let text = String::from_utf8_lossy(&ended.stderr).into_owned() + &running.words();
        if ended.status.success() { Ok(String::from_utf8(ended.stdout).unwrap()) } else { Err(text) }
    })
    .await;
    assert!(told.contains("ollector") && running.words().contains("admin gRPC at https://"), "{told}");
    let address = std::fs::read_to_string(format!("{data}/admin-address")).unwrap();
    let plain = output(
        "auditrail",
        &["status", "--data", data, "--address", &address.trim().replace("https", "http")],
    );
    assert_eq!(plain.status.code(), Some(1), "plain text is not answered, on loopback neither");
}
