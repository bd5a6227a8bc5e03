//! A sample keeps requests whole, and everything that matters.

use std::collections::BTreeMap;

use crate::given::{Given, TOLD, Told, batch, left_out, lines};

const READ: Told = Told { verb: "get", code: 200, ..TOLD };

fn given(share: &str) -> Given {
    Given::router(&format!("  routes: [{{name: some, sample: {share}, to: [lake]}}]"), &[])
}

fn with_id(told: &Told, id: usize) -> String {
    told.whole().replace(r#""auditID":"7d5a""#, &format!(r#""auditID":"{id}""#))
}

#[tokio::test]
async fn all_stages_of_a_request_stay_together_and_about_the_share_is_kept() {
    let given = given("0.5");
    let stages = ["RequestReceived", "ResponseStarted", "ResponseComplete"];
    let of = |id| stages.map(|stage| with_id(&Told { stage, ..READ }, id));
    let events: Vec<_> = (0..1000).flat_map(of).collect();
    given.push(batch(&events)).await.unwrap();
    let taken = given.shipper.only("lake");
    let mut kept: BTreeMap<String, usize> = BTreeMap::new();
    for line in lines(&taken) {
        let event = audit::Event::scan(line.as_bytes()).unwrap();
        *kept.entry(event.audit_id().into_owned()).or_default() += 1;
    }
    assert!(kept.values().all(|&stages| stages == 3));
    // Ten standard deviations of a fair choice.
    assert!((350..650).contains(&kept.len()), "{}", kept.len());
    let [(by, numbers)] = &left_out(&taken)[..] else { panic!("one cause") };
    assert_eq!((by.as_str(), numbers.len()), ("sample", 3 * (1000 - kept.len())));
}

#[tokio::test]
async fn refusals_and_writes_are_always_kept() {
    let given = given("0");
    let refused = READ.whole().replace(r#""a/b":"c""#, r#""authorization.k8s.io/decision":"forbid""#);
    let kept = [
        TOLD.whole(),
        Told { verb: "update", ..READ }.whole(),
        Told { verb: "patch", ..READ }.whole(),
        Told { verb: "delete", ..READ }.whole(),
        Told { verb: "deletecollection", ..READ }.whole(),
        Told { code: 404, ..READ }.whole(),
        Told { stage: "Panic", ..READ }.whole(),
        refused,
    ];
    let all: Vec<_> = kept.iter().cloned().chain([READ.whole()]).collect();
    given.push(batch(&all)).await.unwrap();
    let taken = given.shipper.only("lake");
    assert_eq!(lines(&taken), kept);
    assert_eq!(left_out(&taken), [("sample".to_owned(), vec![kept.len() as u64])]);
}

#[tokio::test]
async fn what_one_route_samples_out_a_later_one_may_take() {
    let section =
        "  routes: [{name: some, sample: 0, to: [lake]}, {name: gets, match: {verbs: [get]}, to: [lake]}]";
    let given = Given::router(section, &[]);
    given.push(batch(&[READ.whole(), Told { verb: "list", ..READ }.whole()])).await.unwrap();
    let taken = given.shipper.only("lake");
    assert_eq!(lines(&taken), [READ.whole()]);
    assert_eq!(left_out(&taken), [("sample".to_owned(), vec![1])]);
}
