//! `rbac suggest`, `unused` and `check` as a person or a script runs them, over the log of a cluster whose truth is
//! known.

#![allow(clippy::unwrap_used)]

mod check;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use audit::rbac::{Objects, Rbac, Request, Who};
use serde_json::Value;

struct Scenario {
    scratch: tempfile::TempDir,
}

impl Scenario {
    fn new() -> Scenario {
        let scratch = tempfile::tempdir().unwrap();
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../audit/tests/fixtures/rbac");
        for name in ["audit.log", "rbac-objects.json", "history.log"] {
            let packed = std::fs::read(fixtures.join(format!("{name}.zst"))).unwrap();
            std::fs::write(scratch.path().join(name), zstd::decode_all(&packed[..]).unwrap()).unwrap();
        }
        Scenario { scratch }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }

    fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_auditrail"));
        command.current_dir(self.scratch.path()).env("AUDITRAIL_STATES", "none");
        command.stdin(std::process::Stdio::null()).args(arguments.split(' '));
        command
    }

    fn run(&self, arguments: &str) -> Output {
        self.command(arguments).output().unwrap()
    }

    fn text(&self, arguments: &str) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    fn json(&self, arguments: &str) -> Value {
        serde_json::from_str(&self.text(arguments)).unwrap()
    }
}

#[test]
fn a_proposal_says_how_many_recorded_requests_it_still_allows_and_how_many_permissions_fewer_it_gives() {
    let scenario = Scenario::new();
    let text =
        scenario.text("rbac suggest audit.log --roles rbac-objects.json --serviceaccount ops:overpriv");
    assert!(text.contains("3/3 still allowed, ") && text.contains(" permissions fewer"), "{text}");
    let report = scenario.json("rbac suggest audit.log -o json");
    assert_eq!(report["requests"], report["allowed"]);
    assert!(report["requests"].as_u64().unwrap() > 200, "{}", report["requests"]);
    let users: Vec<&str> =
        report["subjects"].as_array().unwrap().iter().map(|one| one["user"].as_str().unwrap()).collect();
    assert!(users.contains(&"alice") && !users.contains(&"kubernetes-admin"), "{users:?}");
}

#[test]
fn the_yaml_is_read_as_roles_and_bindings_and_allows_what_was_seen_and_no_more() {
    let scenario = Scenario::new();
    let text = scenario.text("rbac suggest audit.log --user alice -o yaml");
    assert!(text.starts_with("# 8/8 still allowed\n"), "{text}");
    let rbac = Rbac::new(Objects::read(&text).unwrap());
    let alice = Who::named("alice");
    let may = |verb, resource, name| {
        rbac.allowed(&alice, &Request::resource(verb, "", resource, "shop", name)).is_allowed()
    };
    assert!(
        may("list", "pods", "") && may("get", "secrets", "db") && may("create", "pods/exec", "alice-pod")
    );
    assert!(!may("watch", "pods", "") && !may("get", "secrets", "other") && !may("list", "secrets", ""));
    // Applied again it stays what it is.
    assert_eq!(text, scenario.text("rbac suggest audit.log --user alice -o yaml"));
}

#[test]
fn a_fix_turns_the_refusals_into_permissions_and_adds_nothing_else() {
    let scenario = Scenario::new();
    let text =
        scenario.text("rbac suggest audit.log --roles rbac-objects.json --user alice --mode fix -o yaml");
    assert!(text.starts_with("# 2/2 refused then allowed, 2 permissions more\n"), "{text}");
    assert!(text.contains(
        "# careful: alice: create rolebindings.rbac.authorization.k8s.io in shop (write-bindings: "
    ));
    std::fs::write(scenario.path("fix.yaml"), &text).unwrap();
    let ask =
        "rbac check --as alice --group dev --verb list --resource pods -n ops --roles rbac-objects.json";
    assert_eq!(scenario.run(ask).status.code(), Some(1));
    let fixed = scenario.json(&format!("{ask} --roles fix.yaml -o json"));
    assert_eq!(
        fixed["by"][0]["reason"],
        r#"RBAC: allowed by RoleBinding "auditrail:alice/ops" of Role "auditrail:alice" to User "alice""#
    );
}

#[test]
fn a_fix_keeps_the_rules_of_the_proposal_before_it_and_a_smaller_proposal_says_what_it_takes_away() {
    let scenario = Scenario::new();
    let used = scenario.text("rbac suggest audit.log --user alice -o yaml");
    std::fs::write(scenario.path("used.yaml"), &used).unwrap();
    let fix = scenario.text("rbac suggest audit.log --user alice --mode fix --roles used.yaml -o yaml");
    std::fs::write(scenario.path("fix.yaml"), &fix).unwrap();
    for fixed in ["--roles used.yaml --roles fix.yaml", "--roles fix.yaml"] {
        let ask = "--as alice --verb list --resource pods -n shop";
        let was = scenario.json(&format!("rbac check {ask} {fixed} -o json"));
        assert_eq!(was["allowed"], true, "what was given before: {was}");
    }
    let again = scenario.run("rbac suggest audit.log --user alice --roles used.yaml --roles fix.yaml");
    let said = String::from_utf8(again.stderr).unwrap();
    let told = "Role auditrail:alice in shop is there already and gives 1 permissions that are not proposed";
    assert!(said.contains(told), "{said}");
    assert!(String::from_utf8(again.stdout).unwrap().contains(told));
}

#[test]
fn the_compatible_preset_names_and_groups_as_audit2rbac_does() {
    let scenario = Scenario::new();
    let arguments = "rbac suggest audit.log --preset audit2rbac --serviceaccount shop:ci-deployer -o yaml";
    let text = scenario.text(arguments);
    assert!(text.contains("name: audit2rbac:system:serviceaccount:shop:ci-deployer"), "{text}");
    assert!(text.contains("audit2rbac.liggitt.net/generated: \"true\""));
    let both = scenario.run(&format!("{arguments} --expand-names-after 3"));
    assert_eq!(both.status.code(), Some(64), "{}", String::from_utf8_lossy(&both.stderr));
}

#[test]
fn a_truncated_last_line_is_named_and_everything_before_it_counts() {
    let scenario = Scenario::new();
    let log = std::fs::read(scenario.path("audit.log")).unwrap();
    std::fs::write(scenario.path("cut.log"), &log[..log.len() - 40]).unwrap();
    let output = scenario.run("rbac suggest cut.log --all -o json");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1));
    assert!(said.contains("cut.log:4119: "), "{said}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let whole = scenario.json("rbac suggest audit.log --all -o json");
    let count = |report: &Value| report["requests"].as_u64().unwrap();
    assert!(count(&whole) - count(&report) <= 2, "{} {}", count(&whole), count(&report));
}

#[test]
fn the_lake_gives_the_same_proposal_as_the_files() {
    let scenario = Scenario::new();
    let up = scenario.run("up --once --path audit.log --data data");
    assert!(up.status.success(), "{}", String::from_utf8_lossy(&up.stderr));
    let lake = scenario.path("data/lake");
    assert!(lake.is_dir());
    let of_lake = scenario.json("rbac suggest --lake data/lake --all --mode wanted -o json");
    assert_eq!(of_lake, scenario.json("rbac suggest audit.log --all --mode wanted -o json"));
}

#[test]
fn what_nobody_used_is_told_with_the_window_and_what_had_no_chance_is_not_called_unused() {
    let scenario = Scenario::new();
    let report = scenario.json("rbac unused audit.log --roles rbac-objects.json --window 10s -o json");
    let state = |name: &str, namespace: &str| {
        let mut rows = report["bindings"].as_array().unwrap().iter();
        let row = rows.find(|row| row["name"] == name && row["namespace"] == namespace);
        row.map(|row| row["state"].as_str().unwrap().to_owned()).unwrap_or_default()
    };
    assert_eq!(state("viewers", "shop"), "unused");
    assert_eq!(state("idle", ""), "not enough data");
    assert_eq!(state("cluster-admin", ""), "not enough data");
    assert_eq!(state("dev", "shop"), "used");
    let short = scenario.json("rbac unused audit.log --roles rbac-objects.json -o json");
    assert_eq!((&short["unused"], &short["from"]), (&0.into(), &"2026-11-23T06:19:17Z".into()));
}

#[test]
fn what_is_wider_than_its_use_is_told_with_what_was_used_of_it() {
    let scenario = Scenario::new();
    let event = |binding: &str, verb: &str, resource: &str, day: u32| {
        format!(
            r#"{{"level":"Metadata","auditID":"{verb}{resource}{day}","stage":"ResponseComplete","verb":"{verb}","requestURI":"/api/v1/namespaces/shop/{resource}","user":{{"username":"alice"}},"objectRef":{{"resource":"{resource}","namespace":"shop"}},"responseStatus":{{"code":200}},"requestReceivedTimestamp":"2026-10-{day}T10:00:00Z","stageTimestamp":"2026-10-{day}T10:00:00Z","annotations":{{"authorization.k8s.io/decision":"allow","authorization.k8s.io/reason":"RBAC: allowed by RoleBinding \"{binding}/shop\" of Role \"{binding}\" to User \"alice\""}}}}"#
        )
    };
    let events = [event("wild", "list", "configmaps", 10), event("old", "list", "pods", 11)];
    let later = event("new", "list", "pods", 28);
    std::fs::write(scenario.path("wide.log"), format!("{}\n{}\n{later}\n", events[0], events[1])).unwrap();
    let role = |name: &str, of: &str| {
        format!(
            "kind: Role\napiVersion: rbac.authorization.k8s.io/v1\nmetadata: {{name: {name}, namespace: shop}}\nrules: [{of}]\n---\nkind: RoleBinding\napiVersion: rbac.authorization.k8s.io/v1\nmetadata: {{name: {name}, namespace: shop}}\nroleRef: {{apiGroup: rbac.authorization.k8s.io, kind: Role, name: {name}}}\nsubjects: [{{kind: User, apiGroup: rbac.authorization.k8s.io, name: alice}}]\n---\n"
        )
    };
    let list = r#"{apiGroups: [""], resources: [pods, secrets], verbs: [list]}"#;
    let wild = r#"{apiGroups: ["*"], resources: ["*"], verbs: ["*"]}"#;
    let roles = role("wild", wild) + &role("old", list) + &role("new", list);
    std::fs::write(scenario.path("wide.yaml"), roles).unwrap();
    let asked = "rbac unused wide.log --roles wide.yaml --window 10d";
    let report = scenario.json(&format!("{asked} -o json"));
    let rows = report["bindings"].as_array().unwrap();
    let of = |name: &str| rows.iter().find(|row| row["name"] == name).unwrap();
    let wide = &of("wild")["unused"][0];
    assert_eq!((&wide["verbs"][0], &wide["but_for"][0]), (&"*".into(), &"list configmaps".into()));
    assert_eq!(of("old")["unused"][0]["on"], serde_json::json!(["secrets"]));
    let last = |name: &str| (of(name)["requests"].as_u64().unwrap(), of(name)["last"].as_str().unwrap());
    assert_eq!(last("old"), (1, "2026-10-11T10:00:00Z"));
    assert_eq!(last("new"), (1, "2026-10-28T10:00:00Z"));
    let text = scenario.text(asked);
    assert!(text.contains("* * but for list configmaps") && text.contains("list secrets"), "{text}");
}

#[test]
fn faults_in_roles_are_told_with_their_place_before_any_log_is_read() {
    let scenario = Scenario::new();
    let text = "kind: Role\napiVersion: rbac.authorization.k8s.io/v1\nmetadata: {name: a, namespace: b}\nrules:\n- verbs: get\n";
    std::fs::write(scenario.path("roles.yaml"), text).unwrap();
    for command in ["rbac suggest none.log --roles roles.yaml", "rbac unused none.log --roles roles.yaml"] {
        let output = scenario.run(command);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(64), "{said}");
        assert!(said.contains("roles.yaml: line 5, column 10: verbs is expected to be a list"), "{said}");
    }
    let output = scenario.run("rbac unused audit.log");
    assert!(String::from_utf8_lossy(&output.stderr).contains("--roles"));
}

#[test]
fn what_rbac_allowed_and_something_else_refused_is_told_with_the_likely_reason() {
    let scenario = Scenario::new();
    let text = scenario
        .text("rbac suggest audit.log --mode wanted --serviceaccount ops:ssa --serviceaccount ops:escalator");
    assert!(text.contains("patch configmaps in ops: allowed, yet answered 403 (1): an apply that would have created needs `create` too"), "{text}");
    assert!(
        text.contains(
            "create roles.rbac.authorization.k8s.io in ops: allowed, yet answered 403 (1): admission"
        ),
        "{text}"
    );
}

#[test]
fn somebody_who_was_named_and_is_not_in_the_log_fails_the_command_and_near_names_are_told() {
    let scenario = Scenario::new();
    for (asked, told) in [
        ("--user nobody-at-all", "nobody-at-all is not in the log: nothing can be suggested"),
        ("--user Alice", "Alice is not in the log; near it: alice: nothing"),
        ("--user ci-deployer", "near it: system:serviceaccount:shop:ci-deployer, system:serv"),
        ("--serviceaccount ops:none -o yaml", "system:serviceaccount:ops:none is not in the log: nothing"),
        ("--group none", "nobody of the group none is in the log: nothing"),
    ] {
        let output = scenario.run(&format!("rbac suggest audit.log {asked}"));
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{asked}: {said}");
        assert!(said.contains(told), "{asked}: {said}");
    }
    let some = scenario.run("rbac suggest audit.log --user alice --user nobody-at-all -o json");
    let report: Value = serde_json::from_slice(&some.stdout).unwrap();
    assert_eq!((some.status.code(), &report["requests"]), (Some(1), &8.into()));
    let note = "nobody-at-all is not in the log";
    assert!(report["notes"].as_array().unwrap().contains(&note.into()), "{report}");
    assert!(String::from_utf8(some.stderr).unwrap().contains(note));
}

#[test]
fn a_fix_that_does_not_know_the_clusters_roles_says_so() {
    let scenario = Scenario::new();
    let blind = scenario.run("rbac suggest audit.log --user alice --mode fix -o yaml");
    let (text, said) = (String::from_utf8(blind.stdout).unwrap(), String::from_utf8(blind.stderr).unwrap());
    let note =
        "without the cluster's roles (--roles FILE, --kubeconfig FILE or --context NAME) everything that was";
    assert!(text.contains(&format!("# {note}")) && said.contains(note), "{text}{said}");
    assert_eq!(blind.status.code(), Some(0));
    let seeing = scenario.run("rbac suggest audit.log --user alice --mode fix --roles rbac-objects.json");
    assert!(!String::from_utf8(seeing.stdout).unwrap().contains(note) && seeing.stderr.is_empty());
}

/// A `kubectl` that writes down how it was called, and does what the script says.
#[cfg(unix)]
fn with_kubectl(scenario: &Scenario, script: &str, arguments: &str) -> Output {
    use std::os::unix::fs::PermissionsExt;
    let kubectl = scenario.path("kubectl");
    std::fs::write(&kubectl, format!("#!/bin/sh\necho \"$@\" > called\n{script}\n")).unwrap();
    std::fs::set_permissions(&kubectl, std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = std::env::var_os("PATH").unwrap();
    let path = std::iter::once(scenario.scratch.path().to_owned()).chain(std::env::split_paths(&path));
    let mut command = scenario.command(arguments);
    command.env("PATH", std::env::join_paths(path).unwrap()).output().unwrap()
}

#[cfg(unix)]
#[test]
fn roles_of_a_cluster_are_those_that_kubectl_lists_and_what_it_cannot_do_is_told_in_its_words() {
    let scenario = Scenario::new();
    let asked = "rbac check --as alice --verb get --resource secrets -n shop";
    let of_file = scenario.run(&format!("{asked} --roles rbac-objects.json"));
    let list = "cat rbac-objects.json";
    let of_cluster =
        with_kubectl(&scenario, list, &format!("{asked} --kubeconfig admin.conf --context blue"));
    assert_eq!(of_cluster.stdout, of_file.stdout);
    assert_eq!(of_cluster.status.code(), of_file.status.code());
    let called = std::fs::read_to_string(scenario.path("called")).unwrap();
    let kinds = "get roles,rolebindings,clusterroles,clusterrolebindings --all-namespaces";
    assert!(
        called.starts_with(kinds) && called.ends_with("--kubeconfig admin.conf --context blue\n"),
        "{called}"
    );

    let refused = "echo 'Error: roles is forbidden' >&2; exit 1";
    let output = with_kubectl(&scenario, refused, &format!("{asked} --context blue"));
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(64), "{told}");
    assert!(told.contains("roles is forbidden") && told.contains("kubectl could not list"), "{told}");
}

#[test]
fn without_kubectl_the_way_around_it_is_told() {
    let scenario = Scenario::new();
    let nothing_here = scenario.scratch.path().as_os_str();
    let mut command = scenario.command("rbac unused audit.log --kubeconfig admin.conf");
    let output = command.env("PATH", nothing_here).output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("kubectl is not in PATH") && told.contains("--roles"), "{told}");
    assert_eq!(output.status.code(), Some(64));
}

#[test]
fn acting_as_somebody_else_is_proposed_for_every_request_and_that_less_may_be_enough_is_said() {
    let scenario = Scenario::new();
    let event = r#"{"level":"Metadata","auditID":"1","stage":"ResponseComplete","requestURI":"/api/v1/namespaces/shop/pods","verb":"list","user":{"username":"deputy","groups":["system:authenticated"]},"impersonatedUser":{"username":"bob","groups":["system:authenticated"]},"authenticationMetadata":{"impersonationConstraint":"impersonate:user-info"},"objectRef":{"resource":"pods","namespace":"shop"},"responseStatus":{"code":200},"stageTimestamp":"2026-11-20T10:00:01.000000Z","annotations":{"authorization.k8s.io/decision":"allow"}}"#;
    std::fs::write(scenario.path("acting.log"), format!("{event}\n")).unwrap();
    let told = "`impersonate:MODE` and `impersonate-on:MODE:VERB` are enough";
    let text = scenario.text("rbac suggest acting.log --user deputy -o yaml");
    assert!(text.contains("- impersonate\n") && text.contains(told), "{text}");
    assert!(!scenario.text("rbac suggest acting.log --user bob -o yaml").contains(told));
}
