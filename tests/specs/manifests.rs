//! The Kubernetes manifests as they are applied (`k8s/rendered`), held against the programs that they start: every
//! configuration passes the real check, and every port, path, name and limit in them is one that the code has.

mod images;
mod laid_out;
mod rendered;
mod running;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use serde_json::Value;
use tests::process::command;
use tower::ServiceExt;

use laid_out::LaidOut;
use rendered::{Rendered, Workload, text, texts};

/// The overlays.
const OVERLAYS: [&str; 2] = ["try", "production"];

/// The services, each with the port of its gRPC.
const SERVICES: [(&str, &str); 4] =
    [("collector", "7101"), ("router", "7102"), ("shipper", "7103"), ("insight", "7104")];

/// Every workload of every overlay.
fn workloads() -> Vec<Workload> {
    let all: Vec<_> = OVERLAYS.into_iter().flat_map(|overlay| Rendered::of(overlay).workloads()).collect();
    assert_eq!(all.len(), OVERLAYS.len() * SERVICES.len());
    all
}

#[test]
fn every_configuration_passes_the_check_of_the_service_that_is_started_with_it() {
    for workload in workloads() {
        let laid_out = LaidOut::of(&workload);
        let checked = laid_out.command().arg("--check").output().unwrap();
        let said = String::from_utf8_lossy(&checked.stderr).into_owned();
        assert!(checked.status.success(), "{workload}: {said}");

        let checked = command("auditrail").args(["config", "check"]).arg(laid_out.config()).output().unwrap();
        let said = String::from_utf8_lossy(&checked.stderr).into_owned();
        assert!(checked.status.success() && said.is_empty(), "{workload}: {said}");
    }
}

#[test]
fn a_configuration_that_is_wrong_would_be_found() {
    let workload = Rendered::of("production").workload("router");
    let laid_out = LaidOut::of(&workload);
    let policies = laid_out.path("/etc/auditrail/policies/policy.yaml");
    let policy = std::fs::read_to_string(&policies).unwrap();
    std::fs::write(&policies, policy.replace("level: RequestResponse", "level: Everything")).unwrap();
    assert_eq!(laid_out.command().arg("--check").status().unwrap().code(), Some(64));
}

#[test]
fn the_agents_own_configmap_names_a_log_in_the_mounted_directory() {
    for overlay in OVERLAYS {
        let workload = Rendered::of(overlay).workload("collector");
        let laid_out = LaidOut::of(&workload);
        let conf_dir = text(&workload.configuration, "/collector/conf_dir");
        let found = chassis::datadog::read_conf_dir(&laid_out.path(&conf_dir)).unwrap();
        assert_eq!(found.len(), 1);
        assert!(found[0].warnings.is_empty() && found[0].name == "kubernetes_audit", "{found:?}");
        let log = &found[0].logs[0].path;
        let directory = log.parent().unwrap().to_str().unwrap();
        assert!(workload.mounts().any(|(path, mount)| path == directory && mount["readOnly"] == true));
    }
}

#[test]
fn the_cluster_to_try_it_on_writes_its_log_where_the_collector_looks() {
    let kind = std::fs::read_to_string(rendered::root().join("k8s/kind.yaml")).unwrap();
    let kind: Value = serde_saphyr::from_str(&kind).unwrap();
    let node = &kind["nodes"][0];
    let kubeadm: Value = serde_saphyr::from_str(&text(node, "/kubeadmConfigPatches/0")).unwrap();
    let flags = &kubeadm["apiServer"]["extraArgs"];
    let workload = Rendered::of("try").workload("collector");
    let directory = text(workload.volume("audit-log"), "/hostPath/path");
    assert_eq!(text(flags, "/audit-log-path"), format!("{directory}/audit.log"));
    assert_eq!(flags["audit-policy-file"], node["extraMounts"][0]["containerPath"]);
    assert!(rendered::root().join(text(node, "/extraMounts/0/hostPath")).is_file());
    for volume in kubeadm["apiServer"]["extraVolumes"].as_array().unwrap() {
        assert_eq!(volume["hostPath"], volume["mountPath"], "flags name paths of the API server's pod");
    }
}

#[test]
fn ports_and_probes_are_those_that_the_configuration_opens() {
    for workload in workloads() {
        let section = &workload.configuration[&workload.name];
        let port = |key: &str| text(section, key).rsplit_once(':').unwrap().1.to_owned();
        let grpc_port = SERVICES.iter().find(|(name, _)| *name == workload.name).unwrap().1;
        assert_eq!(port("/listen"), grpc_port);
        let mut expected = vec![("http".to_owned(), port("/http_listen"))];
        if !text(section, "/listen").starts_with("127.") {
            expected.insert(0, ("grpc".to_owned(), port("/listen")));
        }
        assert!(
            !text(section, "/http_listen").starts_with("127."),
            "{workload}: kubelets call it from outside"
        );
        assert_eq!(workload.ports("/ports", "containerPort"), expected, "{workload}");
        let service = workload.rendered.object("Service", &workload.name);
        assert_eq!(rendered::ports(&service["spec"]["ports"], "port"), expected, "{workload}");
        let https = section["https"] == true;
        for (probe, path) in
            [("startupProbe", "/livez"), ("livenessProbe", "/livez"), ("readinessProbe", "/readyz")]
        {
            let call = &workload.container()[probe]["httpGet"];
            assert_eq!((text(call, "/path"), text(call, "/port")), (path.to_owned(), "http".to_owned()));
            assert_eq!(call["scheme"] == "HTTPS", https, "{workload}: {probe}");
        }
    }
}

#[tokio::test]
async fn paths_that_are_probed_and_scraped_are_answered() {
    let mut paths: Vec<String> = workloads()
        .iter()
        .flat_map(|workload| {
            ["startupProbe", "livenessProbe", "readinessProbe"].map(|probe| (workload, probe))
        })
        .map(|(workload, probe)| text(&workload.container()[probe]["httpGet"], "/path"))
        .collect();
    for monitor in Rendered::of("production").objects("ServiceMonitor") {
        paths.extend(monitor["spec"]["endpoints"].as_array().unwrap().iter().map(|it| text(it, "/path")));
    }
    let ready = chassis::Ready::new();
    ready.set_ready("part");
    for path in paths {
        let request = Request::get(&path).body(Body::empty()).unwrap();
        let answer = chassis::http::routes(ready.clone()).oneshot(request).await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
    }
}

#[test]
fn everybody_calls_a_service_that_there_is_and_is_known_there_by_its_certificate() {
    for overlay in OVERLAYS {
        let rendered = Rendered::of(overlay);
        for (caller, called) in [("collector", "router"), ("router", "shipper")] {
            let next = text(&rendered.workload(caller).configuration[caller], "/next");
            let there = rendered.workload(called).configuration;
            let port = text(&there[called], "/listen").rsplit_once(':').unwrap().1.to_owned();
            let scheme = if there["tls"].is_null() { "http" } else { "https" };
            assert_eq!(next, format!("{scheme}://{called}.audit:{port}"), "{overlay}");
            if there["tls"].is_null() {
                continue;
            }
            let shown = |service: &str| texts(&rendered.object("Certificate", service)["spec"]["dnsNames"]);
            assert!(shown(called).contains(&format!("{called}.audit")), "{called}'s name is verified");
            let pushing = texts(&there["tls"]["roles"]["push"]);
            assert!(pushing.len() == 1 && shown(caller).contains(&pushing[0]), "{pushing:?}");
        }
    }
}

#[test]
fn certificates_come_from_the_secrets_that_are_mounted_as_directories() {
    let rendered = Rendered::of("production");
    let operator = texts(&rendered.object("Certificate", "operator")["spec"]["dnsNames"]);
    for workload in rendered.workloads() {
        let tls = &workload.configuration["tls"];
        assert_eq!(texts(&tls["roles"]["admin"]), operator, "{workload}");
        let certificate = rendered.object("Certificate", &workload.name);
        let mounted = workload.mounts().find(|(path, _)| *path == "/etc/auditrail/tls").unwrap().1;
        assert!(mounted["subPath"].is_null(), "{workload}: such a mount is not renewed");
        let volume = workload.volume(&text(mounted, "/name"));
        assert_eq!(volume["secret"]["secretName"], certificate["spec"]["secretName"]);
        for (key, file) in [("certificate", "tls.crt"), ("key", "tls.key"), ("authority", "ca.crt")] {
            assert_eq!(tls[key], format!("/etc/auditrail/tls/{file}"), "{workload}");
        }
        let usages = texts(&certificate["spec"]["usages"]);
        assert!(usages.contains(&"server auth".into()) && usages.contains(&"client auth".into()));
    }
}

#[test]
fn every_route_leads_to_a_destination_and_insight_reads_the_lake_that_is_filled() {
    for overlay in OVERLAYS {
        let rendered = Rendered::of(overlay);
        let router = rendered.workload("router").configuration;
        let destinations = &rendered.workload("shipper").configuration["shipper"]["destinations"];
        for route in router["router"]["routes"].as_array().unwrap() {
            let named = [&route["to"], &route["best_effort"]].map(texts).concat();
            assert!(
                !named.is_empty() && named.iter().all(|name| destinations.get(name).is_some()),
                "{route}"
            );
        }
        let read = rendered.workload("insight").configuration;
        assert_eq!(read["insight"]["lake"], destinations["lake"]["url"], "{overlay}");
    }
}

#[test]
fn state_lies_on_volumes_and_nothing_else_is_written() {
    for workload in workloads() {
        let section = &workload.configuration[&workload.name];
        let states =
            [section.pointer("/queue/dir"), section.pointer("/spool/dir"), section.pointer("/states")];
        let states: Vec<&str> = states.into_iter().flatten().filter_map(Value::as_str).collect();
        assert_eq!(states.is_empty(), workload.name == "router");
        for state in states {
            let writable = |(path, mount): (&str, &Value)| path == state && mount["readOnly"] != true;
            assert!(workload.mounts().any(writable), "{workload}: {state}");
        }
        assert_eq!(workload.container()["securityContext"]["readOnlyRootFilesystem"], true);
    }
}

#[test]
fn every_pod_is_restricted_but_for_the_directories_and_the_user_that_the_collector_needs() {
    for workload in workloads() {
        let (pod, container) = (workload.pod(), workload.container());
        assert_eq!(pod["containers"].as_array().unwrap().len(), 1);
        assert_eq!(pod["automountServiceAccountToken"], false);
        assert_eq!(pod["securityContext"]["seccompProfile"]["type"], "RuntimeDefault");
        assert_eq!(container["securityContext"]["allowPrivilegeEscalation"], false);
        assert_eq!(container["securityContext"]["capabilities"], serde_json::json!({"drop": ["ALL"]}));
        for host in ["hostNetwork", "hostPID", "hostIPC", "hostUsers"] {
            assert!(pod[host].is_null(), "{workload}: {host}");
        }
        let of_node: Vec<&Value> =
            workload.volumes().filter(|volume| !volume["hostPath"].is_null()).collect();
        if workload.name == "collector" {
            assert_eq!(pod["securityContext"]["runAsUser"], 0);
            let names: Vec<_> = of_node.iter().map(|volume| text(volume, "/name")).collect();
            assert_eq!(names, ["audit-log", "state"]);
            assert_eq!(of_node[0]["hostPath"]["type"], "Directory");
        } else {
            assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
            assert!(of_node.is_empty(), "{workload}");
        }
    }
}

#[test]
fn every_pod_tells_traces_what_it_is_called_and_where_it_runs() {
    for workload in workloads() {
        let variables = workload.container()["env"].as_array().unwrap();
        let variable = |name: &str| variables.iter().find(|variable| variable["name"] == name).unwrap();
        for (name, field) in [
            ("POD_NAME", "metadata.name"),
            ("POD_NAMESPACE", "metadata.namespace"),
            ("POD_UID", "metadata.uid"),
            ("NODE_NAME", "spec.nodeName"),
        ] {
            assert_eq!(text(variable(name), "/valueFrom/fieldRef/fieldPath"), field, "{workload}");
        }
        assert_eq!(
            text(variable("CONTAINER_NAME"), "/value"),
            text(workload.container(), "/name"),
            "{workload}"
        );
    }
}

#[test]
fn a_stop_is_given_the_time_that_it_may_take() {
    let grace = chassis::Service::new("any", "0").grace + chassis::telemetry::FLUSH_WITHIN;
    for workload in workloads() {
        let before = workload.container().pointer("/lifecycle/preStop/sleep/seconds").and_then(Value::as_u64);
        assert_eq!(before.is_some(), workload.name != "collector", "nobody calls a collector");
        let section = &workload.configuration[&workload.name];
        let linger = chassis::listen::linger(text(section, "/listen").parse().unwrap(), None);
        assert!(section["linger"].is_null(), "the default is what is reckoned with");
        let whole = workload.pod()["terminationGracePeriodSeconds"].as_u64().unwrap();
        assert!(whole > before.unwrap_or(0) + (linger + grace).as_secs(), "{workload}: {whole}");
    }
}

#[test]
fn images_are_targets_of_the_dockerfile_and_run_as_its_user() {
    let dockerfile = std::fs::read_to_string(rendered::root().join("Dockerfile")).unwrap();
    for workload in workloads() {
        let image = text(workload.container(), "/image");
        let (repository, tag) = image.rsplit_once(':').unwrap();
        assert!(repository.ends_with(&workload.name) && !tag.is_empty(), "{image}");
        let target =
            dockerfile.split(&format!("AS {}\n", workload.name)).nth(1).expect("a target of this name");
        let target = target.split("\nFROM").next().unwrap();
        assert!(target.contains(&format!("ENTRYPOINT [\"/usr/bin/{}\"]", workload.name)));
        if workload.name != "collector" {
            let user = &workload.pod()["securityContext"]["runAsUser"];
            assert!(target.contains(&format!("USER {user}:{user}")), "{workload}: {user}");
        }
    }
    let tag = format!(":v{}", env!("CARGO_PKG_VERSION"));
    for workload in Rendered::of("production").workloads() {
        assert!(text(workload.container(), "/image").ends_with(&tag), "production runs the released version");
    }
}

#[test]
fn what_is_scaled_and_protected_exists_and_leaves_its_number_to_the_autoscaler() {
    let rendered = Rendered::of("production");
    for scaler in rendered.objects("HorizontalPodAutoscaler") {
        let target = text(scaler, "/spec/scaleTargetRef/name");
        let workload = rendered.workload(&target);
        assert_eq!(text(scaler, "/spec/scaleTargetRef/kind"), workload.kind);
        assert!(
            workload.object["spec"]["replicas"].is_null(),
            "{workload}: every apply would undo the scaling"
        );
        assert!(workload.container().pointer("/resources/requests/cpu").is_some(), "{workload}");
    }
    for budget in rendered.objects("PodDisruptionBudget") {
        let wanted = budget["spec"]["selector"]["matchLabels"].as_object().unwrap();
        let name = text(budget, "/metadata/name");
        let labels = &rendered.workload(&name).object["spec"]["template"]["metadata"]["labels"];
        assert!(wanted.iter().all(|(key, value)| labels[key] == *value), "{name}");
    }
    let spec = &rendered.object("HorizontalPodAutoscaler", "shipper")["spec"];
    assert_eq!(spec["behavior"]["scaleDown"]["selectPolicy"], "Disabled", "a spool is not left behind");
}

#[test]
fn the_network_lets_through_what_services_say_to_each_other_and_nothing_else_comes_in() {
    let rendered = Rendered::of("production");
    let denied = &rendered.object("NetworkPolicy", "nothing-else")["spec"];
    assert_eq!(denied, &serde_json::json!({"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}));
    for (caller, called) in [("collector", "router"), ("router", "shipper")] {
        let port = text(&rendered.workload(called).configuration[called], "/listen");
        let port: u64 = port.rsplit_once(':').unwrap().1.parse().unwrap();
        let peer = |name: &str| serde_json::json!([{"podSelector": {"matchLabels": {"app.kubernetes.io/name": name}}}]);
        let ports = serde_json::json!([{"protocol": "TCP", "port": port}]);
        let out = &rendered.object("NetworkPolicy", caller)["spec"]["egress"];
        assert_eq!(*out, serde_json::json!([{"to": peer(called), "ports": ports}]));
        let into = &rendered.object("NetworkPolicy", called)["spec"]["ingress"];
        assert_eq!(*into, serde_json::json!([{"from": peer(caller), "ports": ports}]));
    }
}
