//! Who gets what: routes in order, conditions, routes' own policies.

use crate::given::{Given, TOLD, Told, batch, left_out, lines, policy};

fn no(cause: &str, numbers: &[u64]) -> Vec<(String, Vec<u64>)> {
    vec![(cause.to_owned(), numbers.to_vec())]
}

#[tokio::test]
async fn an_event_goes_to_a_destination_once_however_many_routes_name_it() {
    let given = Given::router("  routes: [{name: a, to: [lake]}, {name: b, to: [lake, datadog]}]", &[]);
    given.push(batch(&[TOLD.whole()])).await.unwrap();
    assert_eq!(lines(&given.shipper.only("lake")), [TOLD.whole()]);
    assert_eq!(lines(&given.shipper.only("datadog")), [TOLD.whole()]);
}

#[tokio::test]
async fn the_first_route_that_matches_and_keeps_decides_the_form() {
    let metadata = policy(&["level: Metadata"]);
    let given = Given::router(
        "  routes:
  - {name: refusals, match: {codes: [403]}, to: [datadog]}
  - {name: writes, match: {verbs: [create]}, policy: POLICY(metadata), to: [datadog]}
  - {name: everything, to: [lake]}",
        &[("metadata", &metadata)],
    );
    let refused = Told { code: 403, ..TOLD };
    let read = Told { verb: "get", ..TOLD };
    let sent = [refused.whole(), TOLD.whole(), read.whole()];
    given.push(batch(&sent)).await.unwrap();
    let datadog = given.shipper.only("datadog");
    assert_eq!(lines(&datadog), [refused.whole(), TOLD.at("Metadata")]);
    assert_eq!(left_out(&datadog), no("no route", &[2]));
    assert_eq!(datadog.read_bytes, [refused.whole().len() as u32 + 1, TOLD.whole().len() as u32 + 1]);
    assert_eq!(lines(&given.shipper.only("lake")), sent);
}

#[tokio::test]
async fn an_event_that_a_routes_policy_leaves_out_may_still_go_by_a_later_route() {
    let nothing = policy(&["level: None"]);
    let given = Given::router(
        "  routes:
  - {name: first, policy: POLICY(nothing), to: [lake, datadog]}
  - {name: second, match: {users: [alice]}, to: [lake]}",
        &[("nothing", &nothing)],
    );
    let bob = Told { user: "bob", ..TOLD };
    given.push(batch(&[TOLD.whole(), bob.whole()])).await.unwrap();
    assert_eq!(lines(&given.shipper.only("lake")), [TOLD.whole()]);
    assert_eq!(left_out(&given.shipper.only("lake")), no("route first rule 0", &[1]));
    assert_eq!(left_out(&given.shipper.only("datadog")), no("route first rule 0", &[0, 1]));
}

#[tokio::test]
async fn a_routes_policy_lowers_what_the_policy_of_all_routes_left_and_never_raises_it() {
    let (request, metadata) = (policy(&["level: Request"]), policy(&["level: Metadata"]));
    let everything = policy(&["level: RequestResponse"]);
    let given = Given::router(
        "  policy: POLICY(request)
  routes:
  - {name: low, policy: POLICY(metadata), to: [datadog]}
  - {name: high, policy: POLICY(everything), to: [lake]}
  - {name: as_it_is, to: [file]}",
        &[("request", &request), ("metadata", &metadata), ("everything", &everything)],
    );
    given.push(batch(&[TOLD.whole(), TOLD.at("Metadata")])).await.unwrap();
    assert_eq!(lines(&given.shipper.only("datadog")), [TOLD.at("Metadata"), TOLD.at("Metadata")]);
    assert_eq!(lines(&given.shipper.only("lake")), [TOLD.at("Request"), TOLD.at("Metadata")]);
    assert_eq!(lines(&given.shipper.only("file")), [TOLD.at("Request"), TOLD.at("Metadata")]);
    let (lake, file) = (given.shipper.only("lake"), given.shipper.only("file"));
    assert_eq!(lake.block.as_ptr(), file.block.as_ptr(), "what two destinations get alike is packed once");
}

#[tokio::test]
async fn a_condition_on_levels_sees_the_event_as_the_policy_of_all_routes_left_it() {
    let metadata = policy(&["level: Metadata"]);
    let given = Given::router(
        "  policy: POLICY(metadata)
  routes: [{name: low, match: {levels: [Metadata]}, to: [lake]}]",
        &[("metadata", &metadata)],
    );
    given.push(batch(&[TOLD.whole()])).await.unwrap();
    assert_eq!(lines(&given.shipper.only("lake")), [TOLD.at("Metadata")]);
}

#[tokio::test]
async fn every_kind_of_condition_chooses() {
    let refused = Told { code: 403, ..TOLD };
    let (read, bob) = (Told { verb: "get", ..TOLD }, Told { user: "bob", ..TOLD });
    let (started, secret) = (Told { stage: "ResponseStarted", ..TOLD }, Told { resource: "secrets", ..TOLD });
    let sent = [TOLD, refused, read, bob, started, secret].map(|told| told.whole());
    for (condition, expected) in [
        ("users: [bob]", vec![3]),
        ("verbs: [get]", vec![2]),
        ("resources: [{group: '', resources: [secrets]}]", vec![5]),
        ("namespaces: [shop]", vec![0, 1, 2, 3, 4, 5]),
        ("namespaces: [other]", vec![]),
        ("nonResourceURLs: ['*']", vec![]),
        ("stages: [ResponseStarted]", vec![4]),
        ("levels: [RequestResponse]", vec![0, 1, 2, 3, 4, 5]),
        ("codes: [4xx]", vec![1]),
        ("not: {users: [alice]}", vec![3]),
        ("verbs: [create], not: {codes: [403]}, users: [alice]", vec![0, 4, 5]),
    ] {
        let section = format!("  routes: [{{name: some, match: {{{condition}}}, to: [lake]}}]");
        let given = Given::router(&section, &[]);
        given.push(batch(&sent)).await.unwrap();
        let numbers: Vec<u64> =
            given.shipper.only("lake").lines().unwrap().iter().map(|line| line.number - 100).collect();
        assert_eq!(numbers, expected, "{condition}");
    }
}

#[tokio::test]
async fn an_object_that_is_no_event_is_kept_whole_wherever_no_condition_asks_for_one() {
    let nothing = policy(&["level: None"]);
    let given = Given::router(
        "  policy: POLICY(nothing)
  routes:
  - {name: some, match: {verbs: [create]}, to: [datadog]}
  - {name: all, to: [lake]}",
        &[("nothing", &nothing)],
    );
    let stranger = r#"{"hello": "world",   "level":7}"#.to_owned();
    given.push(batch(&[TOLD.whole(), stranger.clone()])).await.unwrap();
    assert_eq!(lines(&given.shipper.only("lake")), [stranger]);
    assert_eq!(left_out(&given.shipper.only("lake")), no("policy rule 0", &[0]));
    let datadog = left_out(&given.shipper.only("datadog"));
    assert_eq!(datadog, [no("policy rule 0", &[0]), no("no route", &[1])].concat());
}

#[tokio::test]
async fn a_best_effort_destination_is_pushed_as_one() {
    let given = Given::router("  routes: [{name: all, to: [lake], best_effort: [datadog]}]", &[]);
    given.push(batch(&[TOLD.whole()])).await.unwrap();
    assert!(given.shipper.only("datadog").best_effort && !given.shipper.only("lake").best_effort);
    assert_eq!(given.router.destinations(), ["lake", "datadog"]);
}
