//! `rbac check`: what the API server would have answered, at a moment and for odd questions.

use serde_json::Value;

use crate::Scenario;

#[test]
fn who_could_do_what_at_a_moment_is_told_from_the_writes_of_roles_in_the_log() {
    let scenario = Scenario::new();
    let ask = |more: &str| {
        let who = "--as alice --group dev --verb get --resource pods/exec -n team-a --name x -o json";
        let output = scenario.run(&format!("rbac check {who} {more}"));
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(i32::from(report["allowed"] == false)), "{report}");
        report
    };
    let log = std::fs::read_to_string(scenario.path("history.log")).unwrap();
    let created = log
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .find(|event| {
            let object = &event["objectRef"];
            event["verb"] == "create"
                && event["responseStatus"]["code"] == 201
                && (&object["resource"], &object["namespace"], &object["name"])
                    == (&"rolebindings".into(), &"team-a".into(), &"dev".into())
        })
        .unwrap();
    let at = created["stageTimestamp"].as_str().unwrap();
    let then = ask(&format!("history.log --at {at}"));
    let reason = r#"RBAC: allowed by RoleBinding "dev/team-a" of ClusterRole "lab-dev" to Group "dev""#;
    assert_eq!((&then["by"][0]["reason"], &then["notes"]), (&reason.into(), &Value::Array(Vec::new())));
    let before = ask("history.log --at 2026-11-23T06:00:00Z");
    assert_eq!(before["allowed"], false);
    let output =
        scenario.run("rbac check history.log --as a --verb get --resource pods --roles rbac-objects.json");
    assert_eq!(output.status.code(), Some(64), "events without a moment");
}

const ROLES: &str = r#"kind: Role
apiVersion: rbac.authorization.k8s.io/v1
metadata: {name: r, namespace: shop}
rules:
- {apiGroups: [""], resources: [namespaces, pods/log], verbs: [get]}
- {apiGroups: [apps], resources: [deployments/scale], verbs: [get]}
- {apiGroups: [example.com], resources: [widgets], verbs: [get]}
- {apiGroups: [""], resources: [pods], resourceNames: [web], verbs: ["*"]}
- {apiGroups: [""], resources: [nodes], verbs: [get]}
---
kind: RoleBinding
apiVersion: rbac.authorization.k8s.io/v1
metadata: {name: b, namespace: shop}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: r}
subjects: [{kind: User, apiGroup: rbac.authorization.k8s.io, name: alice}]
---
kind: ClusterRole
apiVersion: rbac.authorization.k8s.io/v1
metadata: {name: m}
rules: [{nonResourceURLs: [/metrics], verbs: [get]}]
---
kind: ClusterRoleBinding
apiVersion: rbac.authorization.k8s.io/v1
metadata: {name: m}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: m}
subjects: [{kind: User, apiGroup: rbac.authorization.k8s.io, name: alice}]
"#;

#[test]
fn what_was_asked_is_answered_as_the_request_that_the_server_would_get_and_words_for_nothing_are_told() {
    let scenario = Scenario::new();
    std::fs::write(scenario.path("r.yaml"), ROLES).unwrap();
    for (asked, allowed, told) in [
        ("--verb get --resource namespaces --name shop", true, "is decided as one in shop"),
        ("--verb get --resource nodes --name a -n shop", false, "nodes are in no namespace: -n shop is left"),
        ("--verb update --resource pods -n shop --name web", true, ""),
        ("--verb create --resource pods -n shop --name web", false, "a `create` has no name when it is"),
        ("--verb deletecollection --resource pods -n shop --name web", false, "(web); they never allow a"),
        ("--verb delete --resource pods -n shop", false, "for these names only: web; ask with --name"),
        ("--verb get --resource deployments/scale.apps -n shop", true, ""),
        ("--verb get --resource deployments.apps/scale -n shop", true, ""),
        ("--verb get --resource deployments/scale -n shop", false, "did you mean `deployments.apps/scale`?"),
        ("--verb get --resource widgets -n shop", false, "did you mean `widgets.example.com`?"),
        ("--verb get --resource pod/log -n shop", false, "name `pod/log`: did you mean `pods/log`?"),
        ("--verb get --resource po -n shop --name web", false, "did you mean `pods`?"),
        ("--verb get --resource PODS -n shop --name web", false, "did you mean `pods`?"),
        ("--verb get --resource pods/logs -n shop", false, "did you mean `pods/log`?"),
        (
            "--verb get --resource nothings -n shop",
            false,
            "no resource of Kubernetes has the name `nothings`",
        ),
        ("--verb GET --resource pods/log -n shop", false, "did you mean `get`?"),
        ("--verb get --path /metrics?x=1", true, "the query of a path is no part of what is decided"),
        ("--verb get --path /met%72ics", true, ""),
        ("--verb list --path /metrics", false, "requests for paths have one of these verbs: get, post"),
        ("--verb get --resource secrets -n shop", false, ""),
    ] {
        let output = scenario.run(&format!("rbac check --roles r.yaml --as alice -o json {asked}"));
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!((&report["allowed"], output.status.success()), (&allowed.into(), allowed), "{report}");
        let notes: Vec<&str> =
            report["notes"].as_array().unwrap().iter().map(|note| note.as_str().unwrap()).collect();
        assert_eq!(notes.is_empty(), told.is_empty(), "{asked}: {notes:?}");
        assert!(notes.iter().any(|note| note.contains(told)) || told.is_empty(), "{asked}: {notes:?}");
    }
    let path = scenario.run("rbac check --roles r.yaml --as alice --verb get --path /api/v1/pods");
    let said = String::from_utf8_lossy(&path.stderr).into_owned();
    assert!(path.status.code() == Some(64) && said.contains("ask with --resource"), "{said}");
}
