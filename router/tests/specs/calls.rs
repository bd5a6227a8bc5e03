//! What operators ask the router while it works.

use std::time::Duration;

use proto::RouterCalls;
use proto::v1::{ElevateRequest, ExplainRequest, GetPolicyRequest, SetPolicyRequest};

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
