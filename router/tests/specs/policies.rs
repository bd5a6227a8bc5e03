//! The policy of all routes: what it leaves out, and by which name.

use std::collections::BTreeMap;

use crate::given::{Given, TOLD, Told, batch, left_out, lines, policy};

const TO_THE_LAKE: &str = "  policy: POLICY(it)\n  routes: [{name: all, to: [lake]}]";

/// Datadog's sample: `verbs` stands inside `resources`, where kube-apiserver ignores it with a warning.
const DATADOGS_SAMPLE: &str = "\
apiVersion: audit.k8s.io/v1
kind: Policy
rules:
    - level: None
      nonResourceURLs: ['/healthz*', '/logs', '/metrics', '/swagger*', '/version']
    - level: Metadata
      omitStages: [RequestReceived]
      resources: [{group: authentication.k8s.io, resources: [tokenreviews]}]
    - level: RequestResponse
      omitStages: [RequestReceived]
      resources: [{group: authorization.k8s.io, resources: [subjectaccessreviews]}]
    - level: RequestResponse
      omitStages:
          - RequestReceived
      resources:
          - group: ''
            resources: ['pods']
            verbs: ['create', 'patch', 'update', 'delete']
    - level: Metadata
      omitStages: [RequestReceived]
";

#[tokio::test]
async fn what_is_left_out_is_named_by_rule_no_rule_and_stage() {
    let rules = policy(&[
        "level: None, users: [bob]",
        "level: Metadata, verbs: [create], omitStages: [ResponseStarted]",
    ]);
    let given = Given::router(TO_THE_LAKE, &[("it", &rules)]);
    let bob = Told { user: "bob", ..TOLD };
    let started = Told { stage: "ResponseStarted", ..TOLD };
    let read = Told { verb: "get", ..TOLD };
    let sent = [bob.whole(), started.whole(), read.whole(), TOLD.whole(), bob.whole()];
    given.push(batch(&sent)).await.unwrap();
    let taken = given.shipper.only("lake");
    assert_eq!(lines(&taken), [TOLD.at("Metadata")]);
    let by_name: BTreeMap<String, Vec<u64>> = left_out(&taken).into_iter().collect();
    let expected = [
        ("policy no rule".to_owned(), vec![2]),
        ("policy rule 0".to_owned(), vec![0, 4]),
        ("policy stage ResponseStarted".to_owned(), vec![1]),
    ];
    assert_eq!(by_name, BTreeMap::from(expected));
    assert_eq!((&taken.numbers[..], &taken.read_bytes[..]), (&[3][..], &[TOLD.whole().len() as u32 + 1][..]));
}

#[tokio::test]
async fn datadogs_sample_means_what_it_means_to_the_api_server_and_is_warned_of() {
    let given = Given::router(TO_THE_LAKE, &[("it", DATADOGS_SAMPLE)]);
    let read = Told { verb: "get", ..TOLD };
    let received = Told { stage: "RequestReceived", ..TOLD };
    let configmap = Told { resource: "configmaps", ..TOLD };
    given.push(batch(&[read.whole(), received.whole(), configmap.whole()])).await.unwrap();
    let taken = given.shipper.only("lake");
    // The verbs count for nothing: reading a pod is told in full as well.
    assert_eq!(lines(&taken), [read.whole(), configmap.at("Metadata")]);
    assert_eq!(left_out(&taken), [("policy stage RequestReceived".to_owned(), vec![1])]);

    let status = given.router.status();
    assert!(status.problems.iter().any(|problem| problem.contains("verbs")), "{:?}", status.problems);
    let in_force = status.policy.unwrap();
    assert!(
        in_force.path.ends_with("it.yaml") && in_force.rules == 5 && in_force.hash.len() == 16,
        "{in_force:?}"
    );
    assert!(in_force.problem.is_empty());
}

#[test]
fn a_router_without_a_policy_says_so_and_has_no_problems() {
    let status = Given::router("  routes: [{name: all, to: [lake]}]", &[]).router.status();
    assert!(status.problems.is_empty() && status.policy.unwrap().path.is_empty());
    assert_eq!((status.service.as_str(), status.started_us > 0), ("router", true));
}

#[tokio::test]
async fn events_are_counted_once_for_a_destination_however_often_their_batch_comes() {
    let rules = policy(&["level: None, users: [bob]", "level: Metadata"]);
    let section = "  policy: POLICY(it)\n  routes: [{name: all, to: [counted, late]}]";
    let given = Given::router(section, &[("it", &rules)]);
    let sent = batch(&[TOLD.whole(), TOLD.at("Metadata"), Told { user: "bob", ..TOLD }.whole()]);
    given.shipper.refuse("late", proto::Refusal::Busy { why: "full".into() });
    given.push(sent.clone()).await.unwrap_err();
    given.push(sent.clone()).await.unwrap_err();
    given.shipper.recover("late");
    given.push(sent).await.unwrap();
    let page = chassis::metrics::render();
    for line in [
        r#"auditrail_router_kept_events_total{destination="counted"} 2"#,
        r#"auditrail_router_kept_events_total{destination="late"} 2"#,
        r#"auditrail_router_spliced_events_total{destination="counted"} 1"#,
        r#"auditrail_router_filtered_events_total{destination="counted",by="policy rule 0"} 1"#,
        r#"auditrail_router_refused_batches_total{destination="late"} 2"#,
    ] {
        assert!(page.lines().any(|counted| counted == line), "{line} is not in\n{page}");
    }
}
