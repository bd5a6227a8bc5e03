//! Promise 5: the policy is the API server's. What arrives under a policy is what the same server wrote under
//! it, byte for byte.

use tests::account::assert_same;
use tests::apiserver::ApiServer;
use tests::cluster::{Cluster, Layout, Setup};
use tests::fixture::{directory, lossy, slices, superset, twin};
use tests::in_both_layouts;
use tests::intake::{Intake, Mood};

in_both_layouts!(lines_under_a_policy_are_those_of_the_twin, each_route_has_its_own_policy_and_match);

async fn lines_under_a_policy_are_those_of_the_twin(layout: Layout) {
    for name in ["datadog", "rnd-1"] {
        let intake = Intake::start(Mood::Accept).await;
        let setup = Setup::to_datadog(&intake.url()).policy(directory().join(format!("{name}.yaml")));
        let cluster = Cluster::start(layout, &setup).await;
        let lines = superset();
        ApiServer::in_directory(&cluster.logs()).write_all(slices(&lines));

        let account = cluster.settled(lines.len()).await;

        assert_same(&intake.messages(), &lossy(&twin(name)));
        let row = &account[0];
        assert_eq!(row.filtered.events as usize, lines.len() - twin(name).len());
        assert!(row.filtered_by.keys().all(|by| by.starts_with("policy ")), "{:?}", row.filtered_by);
    }
}

async fn each_route_has_its_own_policy_and_match(layout: Layout) {
    let (all, refused) = (Intake::start(Mood::Accept).await, Intake::start(Mood::Accept).await);
    let mut setup =
        Setup::to_datadog(&all.url()).and("refused", &format!("{{type: datadog, url: '{}'}}", refused.url()));
    let policy = directory().join("datadog.yaml");
    setup.routes = Some(format!(
        "[{{name: all, to: [datadog], policy: '{}'}}, {{name: refused, match: {{codes: [401, 403]}}, to: [refused]}}]",
        policy.display()
    ));
    let cluster = Cluster::start(layout, &setup).await;
    let lines = superset();
    ApiServer::in_directory(&cluster.logs()).write_all(slices(&lines));

    cluster.settled(lines.len()).await;

    assert_same(&all.messages(), &lossy(&twin("datadog")));
    let code = |line: &Vec<u8>| {
        let event: serde_json::Value = serde_json::from_slice(line).unwrap();
        event["responseStatus"]["code"].as_i64()
    };
    let expected: Vec<_> =
        lines.iter().filter(|line| matches!(code(line), Some(401 | 403))).cloned().collect();
    assert!(!expected.is_empty());
    assert_same(&refused.messages(), &lossy(&expected));
}
