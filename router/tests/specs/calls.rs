//! What operators ask the router while it works.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proto::RouterCalls;
use proto::v1::{ElevateRequest, ExplainRequest, GetPolicyRequest, SetPolicyRequest};
use router::Explainer;

use crate::given::{Given, TOLD, Told, batch, lines, policy};

const SECTION: &str = "  policy: POLICY(metadata)\n  routes: [{name: all, to: [lake]}]";

fn given() -> Given {
    Given::router(SECTION, &[("metadata", &policy(&["level: None, users: [bob]", "level: Metadata"]))])
}

async fn got(given: &Given, first: u64, told: &[Told]) -> Vec<String> {
    let events: Vec<_> = told.iter().map(Told::whole).collect();
    let last = first + events.len() as u64 - 1;
    given.push(proto::Batch { first, last, ..batch(&events) }).await.unwrap();
    lines(&given.shipper.taken("lake").pop().unwrap())
}

#[tokio::test]
async fn the_policy_in_force_is_told_as_it_was_written() {
    let told = given().router.get_policy(&GetPolicyRequest::default()).unwrap();
    assert!(told.policy.contains("level: None, users: [bob]"));
    assert_eq!(told.status.unwrap().rules, 2);
    assert!(given().router.get_policy(&GetPolicyRequest { route: "none".into() }).is_err());
}

#[tokio::test]
async fn a_policy_that_was_set_holds_until_the_files_are_read_again() {
    let given = given();
    let written = given.router.status().policy.unwrap().hash;
    let policy = policy(&["level: RequestResponse"]);
    let set = given.router.set_policy(&SetPolicyRequest { policy }).unwrap();
    assert_ne!(set.status.as_ref().unwrap().hash, written);
    assert_eq!(got(&given, 100, &[TOLD]).await, [TOLD.whole()]);
    let status = given.router.status().policy.unwrap();
    assert!(status.set_by_hand && status.hash == set.status.unwrap().hash);

    assert_eq!(given.router.reload().problem, "");
    assert_eq!(got(&given, 200, &[TOLD]).await, [TOLD.at("Metadata")]);
    let status = given.router.status().policy.unwrap();
    assert!(!status.set_by_hand && status.hash == written);
}

#[tokio::test]
async fn a_policy_that_the_api_server_refuses_is_not_set() {
    let given = given();
    let refused = given.router.set_policy(&SetPolicyRequest { policy: policy(&["level: Sometimes"]) });
    let why = refused.unwrap_err();
    assert!(why.contains("Router.SetPolicy:4:"), "{why}");
    assert_eq!(got(&given, 100, &[TOLD]).await, [TOLD.at("Metadata")]);
}

#[tokio::test(start_paused = true)]
async fn an_elevation_keeps_more_detail_of_its_user_and_ends_by_itself() {
    let given = given();
    let bob = Told { user: "bob", ..TOLD };
    let request = ElevateRequest { user: "bob".into(), seconds: 60, ..ElevateRequest::default() };
    let told = given.router.elevate(&request).unwrap().elevation.unwrap();
    assert_eq!((told.level.as_str(), told.seconds_left), ("RequestResponse", 60));
    let both = [TOLD, bob.clone()];
    assert_eq!(got(&given, 100, &both).await, [TOLD.at("Metadata"), bob.whole()]);

    tokio::time::advance(Duration::from_secs(59)).await;
    assert_eq!(given.router.status().policy.unwrap().elevations[0].seconds_left, 1);
    assert_eq!(got(&given, 200, &both).await, [TOLD.at("Metadata"), bob.whole()]);

    tokio::time::advance(Duration::from_secs(1)).await;
    assert!(given.router.status().policy.unwrap().elevations.is_empty());
    assert_eq!(got(&given, 300, &both).await, [TOLD.at("Metadata")]);
}

#[tokio::test]
async fn an_elevation_of_a_namespace_keeps_what_happens_there() {
    let given = given();
    let shop = ElevateRequest { namespace: "shop".into(), seconds: 60, ..ElevateRequest::default() };
    given.router.elevate(&ElevateRequest { namespace: "other".into(), ..shop.clone() }).unwrap();
    assert_eq!(got(&given, 100, &[TOLD]).await, [TOLD.at("Metadata")]);
    given.router.elevate(&ElevateRequest { level: "Request".into(), ..shop }).unwrap();
    assert_eq!(got(&given, 200, &[TOLD]).await, [TOLD.at("Request")]);
}

#[tokio::test]
async fn an_elevation_without_an_end_or_without_a_name_is_refused() {
    let given = given();
    let good = ElevateRequest { user: "bob".into(), seconds: 1, ..ElevateRequest::default() };
    for bad in [
        ElevateRequest { seconds: 0, ..good.clone() },
        ElevateRequest { seconds: 24 * 3600 + 1, ..good.clone() },
        ElevateRequest { user: String::new(), ..good.clone() },
        ElevateRequest { namespace: "shop".into(), ..good.clone() },
        ElevateRequest { level: "None".into(), ..good.clone() },
    ] {
        assert!(given.router.elevate(&bad).is_err(), "{bad:?}");
    }
    for number in 0..16 {
        given.router.elevate(&ElevateRequest { user: format!("u{number}"), ..good.clone() }).unwrap();
    }
    assert!(given.router.elevate(&good).unwrap_err().contains("16"));
}

#[tokio::test]
async fn an_explanation_says_what_each_destination_gets_and_why_not() {
    let given = given();
    let explain = |event: String| given.router.explain(&ExplainRequest { event });
    let kept = explain(TOLD.whole()).unwrap().destinations.remove(0);
    assert!(kept.kept && kept.destination == "lake" && kept.line == TOLD.at("Metadata"));
    let left = explain(Told { user: "bob", ..TOLD }.whole()).unwrap().destinations.remove(0);
    assert!(!left.kept && left.cause == "policy rule 0");
    assert!(explain("{}".into()).unwrap_err().contains("no audit event"));
}

const STEPS: &str = r#"
  dedupe_window: 50
  redact_key_file: POLICY(key)
  processing_rules:
  - {type: mask_sequences, name: hide bob, pattern: '"bob"', replace_placeholder: '"b"'}
  - {type: exclude_at_match, name: no eve, pattern: '"eve"'}
  routes:
  - {name: none, sample: 0, match: {namespaces: [shop]}, to: [lake]}
  - {name: pods, match: {resources: [{group: "", resources: [pods]}]}, redact: all, to: [siem], best_effort: [spare]}
  - {name: lean, policy: POLICY(metadata), to: [lake]}"#;

#[tokio::test]
async fn an_explanation_tells_masks_samples_redactions_and_how_much_each_destination_counts() {
    let metadata = policy(&["level: Metadata"]);
    let given = Given::router(STEPS, &[("key", "a key of many characters"), ("metadata", &metadata)]);
    let secret = r#""requestObject":{"spec":{"env":[{"name":"A","value":"s3cret"}]},"#;
    let told = |told: Told| told.whole().replace(r#""requestObject":{"#, secret);
    let explain = |event: Told| given.router.explain(&ExplainRequest { event: told(event) }).unwrap();
    let bob = explain(Told { user: "bob", verb: "get", code: 200, ..TOLD });
    assert_eq!((bob.masked_by, bob.dedupe_window), (vec!["hide bob".to_owned()], 50));
    let [none, pods, lean] = &bob.routes[..] else { panic!("{:?}", bob.routes) };
    let sample = none.sample.unwrap();
    assert!(!none.takes && none.cause == "sample" && sample.share == 0.0 && !sample.keeps);
    assert!(pods.takes && pods.level == "RequestResponse" && pods.sample.is_none());
    assert_eq!(
        (pods.redacts[0].what.as_str(), &pods.redacts[0].fields[..]),
        ("env", &["requestObject".to_owned()][..])
    );
    assert_eq!((&pods.to[..], &pods.best_effort[..]), (&["siem".to_owned()][..], &["spare".to_owned()][..]));
    assert!(lean.takes && lean.level == "Metadata" && lean.redacts.is_empty());
    let best_effort: Vec<_> =
        bob.destinations.iter().map(|to| (to.destination.as_str(), to.best_effort)).collect();
    assert_eq!(best_effort, [("lake", false), ("siem", false), ("spare", true)]);

    let written = explain(TOLD).routes.remove(0);
    assert!(written.takes && written.sample.unwrap().always);
    let eve = explain(Told { user: "eve", ..TOLD });
    assert!(eve.routes.is_empty());
    assert!(eve.destinations.iter().all(|to| !to.kept && to.cause == "processing rule no eve"));
}

#[tokio::test]
async fn an_explanation_is_what_becomes_of_the_event() {
    let section = STEPS
        .replace("sample: 0, match: {namespaces: [shop]}", "sample: 0.5, match: {verbs: [get, list, watch]}")
        .replace("hide bob, pattern: '\"bob\"'", "hide admins, pattern: 'system:[a-z]+'")
        .replace("replace_placeholder: '\"b\"'", "replace_placeholder: someone")
        .replace("no eve, pattern: '\"eve\"'", "no leases, pattern: '\"resource\":\"leases\"'")
        + "\n  policy: POLICY(all)";
    let files = [
        ("key", "a key of many characters"),
        ("metadata", &policy(&["level: None, verbs: [watch]", "level: Metadata"])),
        ("all", &policy(&["level: None, userGroups: ['system:nodes']", "level: Request"])),
    ];
    let given = Given::router(&section.replace("dedupe_window: 50", "dedupe_window: 0"), &files);
    let explainer = Explainer::load(&given.config, None).unwrap();
    let events = crate::twins::unpacked("superset");
    given.push(batch(&events)).await.unwrap();
    let mut got: BTreeMap<(String, u64), Result<String, String>> = BTreeMap::new();
    for name in ["lake", "siem", "spare"] {
        let taken = given.shipper.only(name);
        for line in taken.lines().unwrap() {
            got.insert((name.to_owned(), line.number), Ok(String::from_utf8_lossy(&line.bytes).into_owned()));
        }
        for left in &taken.filtered {
            let numbers = left.numbers.iter().map(|&number| taken.first + u64::from(number));
            got.extend(numbers.map(|number| ((name.to_owned(), number), Err(left.by.clone()))));
        }
    }
    let mut causes = BTreeSet::new();
    for (number, event) in (100..).zip(&events) {
        for to in explainer.explain(event).destinations {
            let told = to.line.ok_or_else(|| to.cause.unwrap_or_default());
            causes.extend(told.clone().err());
            assert_eq!(got.remove(&(to.destination, number)).unwrap(), told);
        }
    }
    assert!(got.is_empty() && causes.len() >= 4, "{causes:?}");
}
