//! Roles and bindings as people and `kubectl` write them, and what their rules mean.

use audit::rbac::{Objects, Rbac, Request, RoleKind, Rule, Subject, Verdict, Who};

fn read(text: &str) -> Objects {
    Objects::read(text).unwrap_or_else(|fault| panic!("{fault}: {text}"))
}

fn fault(text: &str) -> String {
    Objects::read(text).map(|objects| panic!("{objects:?}")).unwrap_or_else(|fault| fault.to_string())
}

const API: &str = "apiVersion: rbac.authorization.k8s.io/v1\n";

#[test]
fn several_documents_lists_and_unknown_fields_are_read_and_other_kinds_passed_over() {
    let text = "\
# from a chart
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: sa, namespace: a}
---
apiVersion: rbac.authorization.k8s.io/v1beta1
kind: Role
metadata:
  name: r
  namespace: a
  managedFields: [{manager: kubectl, fieldsV1: {\"f:rules\": {}}}]
rules:
- {apiGroups: [\"\"], resources: [pods], verbs: [get], future: [1]}
---
apiVersion: v1
kind: List
items:
- apiVersion: rbac.authorization.k8s.io/v1
  kind: RoleBinding
  metadata: {name: b, namespace: a}
  roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: r}
  subjects: [{kind: ServiceAccount, name: sa}]
- {apiVersion: apps/v1, kind: Deployment, metadata: {name: d}}
---
";
    let objects = read(text);
    assert_eq!((objects.roles.len(), objects.bindings.len()), (1, 1));
    let rbac = Rbac::new(objects);
    // A subject without a namespace is of that of the binding.
    let who = Who::named("system:serviceaccount:a:sa");
    assert!(rbac.allowed(&who, &Request::resource("get", "", "pods", "a", "x")).is_allowed());
    let elsewhere = Request::resource("get", "", "pods", "b", "x");
    assert_eq!(rbac.allowed(&who, &elsewhere), Verdict::Refused);
}

#[test]
fn items_of_a_typed_list_need_no_kind_of_their_own() {
    let text = r#"{"kind":"ClusterRoleList","apiVersion":"rbac.authorization.k8s.io/v1","metadata":{},"items":[
        {"metadata":{"name":"one","creationTimestamp":null},"rules":null},{"metadata":{"name":"two"},"rules":[]}]}"#;
    let roles = read(text).roles;
    assert_eq!(roles.iter().map(|role| role.name.as_str()).collect::<Vec<_>>(), ["one", "two"]);
    assert!(roles.iter().all(|role| role.kind == RoleKind::ClusterRole));
}

#[test]
fn of_objects_with_the_same_name_the_later_one_counts() {
    let role = |verb: &str| {
        read(&format!("{API}kind: Role\nmetadata: {{name: r, namespace: a}}\nrules: [{{verbs: [{verb}]}}]\n"))
    };
    let mut objects = role("get");
    objects.add(role("list"));
    assert_eq!(
        objects.roles.iter().map(|role| role.rules[0].verbs[0].as_str()).collect::<Vec<_>>(),
        ["list"]
    );
}

#[test]
fn faults_say_where_they_are_and_what_would_be_right() {
    for (text, wanted) in [
        ("kind: Role\nmetadata: {name: r}\n", "line 3, column 11: metadata.namespace is missing"),
        ("kind: ClusterRole\nmetadata: {}\n", "line 3, column 11: metadata.name is missing"),
        (
            "kind: ClusterRole\nmetadata: {name: r}\nrules:\n- verbs: [yes]\n",
            "line 5, column 11: verbs has a bool where a text is expected: put it in quotes",
        ),
        (
            "kind: ClusterRole\nmetadata: {name: r}\nrules:\n- resourceNames: [1]\n",
            "resourceNames has a number where a text is expected",
        ),
        (
            "kind: ClusterRoleBinding\nmetadata: {name: r}\nroleRef: {kind: Role, name: x}\n",
            "roleRef.kind of a ClusterRoleBinding is not ClusterRole",
        ),
        ("kind: ClusterRoleBinding\nmetadata: {name: r}\n", "roleRef is missing"),
        (
            "kind: RoleBinding\nmetadata: {name: r, namespace: a}\nroleRef: {kind: Role, name: x}\nsubjects: [{kind: Robot, name: x}]\n",
            "the subject's kind is not User, Group or ServiceAccount",
        ),
        (
            "kind: ClusterRole\nmetadata: {name: r}\naggregationRule: {clusterRoleSelectors: [{matchExpressions: [{key: a, operator: Is}]}]}\n",
            "operator is not In, NotIn, Exists or DoesNotExist",
        ),
    ] {
        let found = fault(&format!("{API}{text}"));
        assert!(found.contains(wanted), "{found}");
    }
    let second =
        format!("{API}kind: ClusterRole\nmetadata: {{name: r}}\n---\n{API}kind: ClusterRole\nmetadata: []\n");
    assert!(
        fault(&second).starts_with("line 7, column 11: metadata is expected, not an array"),
        "{}",
        fault(&second)
    );
    assert!(
        fault("apiVersion: rbac.authorization.k8s.io/v2\nkind: Role\n")
            .contains("the version is not v1 or v1beta1")
    );
    assert!(fault("{\"kind\":\"Role\",}").contains("line 1, column 16"), "{}", fault("{\"kind\":\"Role\",}"));
}

#[test]
fn selectors_of_aggregation_follow_labels_and_expressions_in_circles_too() {
    let text = "\
kind: ClusterRole
apiVersion: rbac.authorization.k8s.io/v1
metadata: {name: all, labels: {to: all}}
aggregationRule:
  clusterRoleSelectors:
  - matchLabels: {to: all}
  - matchExpressions:
    - {key: tier, operator: In, values: [a, b]}
    - {key: never, operator: DoesNotExist}
---
kind: ClusterRole
apiVersion: rbac.authorization.k8s.io/v1
metadata: {name: by-label, labels: {to: all}}
aggregationRule: {clusterRoleSelectors: [{matchLabels: {to: all}}, {matchExpressions: [{key: deep, operator: Exists}]}]}
---
kind: ClusterRole
apiVersion: rbac.authorization.k8s.io/v1
metadata: {name: deep, labels: {deep: \"1\"}}
rules: [{apiGroups: [\"\"], resources: [deep], verbs: [get]}]
---
kind: ClusterRole
apiVersion: rbac.authorization.k8s.io/v1
metadata: {name: tier, labels: {tier: b}}
rules: [{apiGroups: [\"\"], resources: [tier], verbs: [get]}]
---
kind: ClusterRole
apiVersion: rbac.authorization.k8s.io/v1
metadata: {name: never, labels: {tier: a, never: x}}
rules: [{apiGroups: [\"\"], resources: [never], verbs: [get]}]
---
kind: ClusterRoleBinding
apiVersion: rbac.authorization.k8s.io/v1
metadata: {name: b}
roleRef: {kind: ClusterRole, name: all}
subjects: [{kind: User, name: jane}]
";
    let rbac = Rbac::new(read(text));
    let may = |resource: &str| {
        rbac.allowed(&Who::named("jane"), &Request::resource("get", "", resource, "", "")).is_allowed()
    };
    assert_eq!(["deep", "tier", "never"].map(may), [true, true, false]);
}

#[test]
fn rules_match_as_the_api_server_matches_them() {
    let texts = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
    let rule = |resources: &[&str], names: &[&str]| Rule {
        api_groups: texts(&[""]),
        resources: texts(resources),
        resource_names: texts(names),
        verbs: texts(&["get", "create"]),
        ..Rule::default()
    };
    let may = |rule: &Rule, verb: &str, resource: &str, name: &str| {
        rule.allows(&Request::resource(verb, "", resource, "a", name))
    };
    let pods = rule(&["pods"], &[]);
    assert!(
        may(&pods, "get", "pods", "x") && !may(&pods, "get", "pods/log", "x"),
        "a subresource is another resource"
    );
    assert!(!may(&pods, "list", "pods", "") && !may(&pods, "get", "services", "x"));
    assert!(!pods.allows(&Request::resource("get", "apps", "pods", "a", "x")), "another group");
    let logs = rule(&["*/log"], &[]);
    assert!(
        may(&logs, "get", "pods/log", "x")
            && !may(&logs, "get", "pods", "x")
            && !may(&logs, "get", "pods/logs", "x")
    );
    assert!(!may(&rule(&["pods/*"], &[]), "get", "pods/log", "x"), "there is no such wildcard");
    assert!(may(&rule(&["*"], &[]), "get", "pods/log", "x"));
    let named = rule(&["pods"], &["x"]);
    assert!(may(&named, "get", "pods", "x") && !may(&named, "get", "pods", "y"));
    assert!(!may(&named, "create", "pods", ""), "a request without a name has none of these names");
    let paths = |url: &str, path: &str| {
        let rule = Rule { non_resource_urls: texts(&[url]), verbs: texts(&["get"]), ..Rule::default() };
        rule.allows(&Request::path("get", path))
    };
    assert!(paths("*", "/x") && paths("/x", "/x") && paths("/x*", "/xy/z") && paths("/x/*", "/x/"));
    assert!(!paths("/x", "/x/") && !paths("/x/*", "/x") && !paths("/*/y", "/x/y"));
    assert!(!pods.allows(&Request::path("get", "pods")));
    assert_eq!(Request::uri("get", "/a%20b?x=1"), Request::path("get", "/a b"));
}

#[test]
fn members_of_masters_are_let_through_and_a_binding_without_its_role_gives_nothing() {
    let text = format!(
        "{API}kind: ClusterRoleBinding\nmetadata: {{name: b}}\nroleRef: {{kind: ClusterRole, name: gone}}\nsubjects: [{{kind: User, name: jane}}]\n"
    );
    let rbac = Rbac::new(read(&text));
    let request = Request::resource("delete", "", "nodes", "", "n");
    assert_eq!(rbac.allowed(&Who::new("root", ["system:masters"]), &request), Verdict::Masters);
    assert_eq!(rbac.allowed(&Who::named("jane"), &request), Verdict::Refused);
    let account = Subject::of_user("system:serviceaccount:a:b");
    assert_eq!(account.to_string(), "ServiceAccount a:b");
    assert_eq!(
        Subject::of_user("system:serviceaccount:a"),
        Subject::User("system:serviceaccount:a".to_owned())
    );
}
