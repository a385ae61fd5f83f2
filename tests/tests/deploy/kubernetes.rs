//! The Kubernetes manifests: every reference between them leads somewhere, and no container may do more than it needs.

use std::collections::BTreeSet;

use passerelle_tests::directory::Directory;
use serde_json::Value;

use crate::shipped::{content, deploy, files, judged_by, text, texts, values_of, yaml};

/// Everything that is applied, and the templates of secrets.
fn objects() -> Vec<Value> {
    files(&["yaml"]).iter().filter(|path| path.starts_with("kubernetes/")).flat_map(|path| yaml(path)).collect()
}

fn of_kind<'o>(objects: &'o [Value], kind: &'o str) -> impl Iterator<Item = &'o Value> {
    objects.iter().filter(move |object| object["kind"] == kind)
}

fn name(object: &Value) -> &str {
    object["metadata"]["name"].as_str().unwrap()
}

/// The object of a kind that a name refers to.
#[track_caller]
fn find<'o>(objects: &'o [Value], kind: &str, wanted: &Value) -> &'o Value {
    let found = objects.iter().find(|object| object["kind"] == kind && object["metadata"]["name"] == *wanted);
    found.unwrap_or_else(|| panic!("there is no {kind} {wanted}"))
}

/// Whether a selector of labels chooses something with these labels.
fn selects(selector: &Value, labels: &Value) -> bool {
    let wanted = selector.as_object().unwrap();
    !wanted.is_empty() && wanted.iter().all(|(label, value)| labels[label] == *value)
}

fn containers(deployment: &Value) -> &Vec<Value> {
    deployment["spec"]["template"]["spec"]["containers"].as_array().unwrap()
}

#[test]
fn every_object_is_named_once_in_one_namespace() {
    let objects = objects();
    let mut seen = BTreeSet::new();
    for object in &objects {
        let kind = object["kind"].as_str().unwrap();
        assert!(object["apiVersion"].is_string(), "{kind} {}", name(object));
        assert!(seen.insert((kind, name(object))), "{kind} {} is there twice", name(object));
        if kind == "Namespace" {
            assert_eq!(object["metadata"]["labels"]["pod-security.kubernetes.io/enforce"], "restricted");
        } else {
            assert_eq!(object["metadata"]["namespace"], "passerelle", "{kind} {}", name(object));
        }
    }
    let deployments: Vec<_> = of_kind(&objects, "Deployment").map(name).collect();
    assert_eq!(deployments, ["passerelle-collect", "passerelle-deliver", "passerelle-resolve"]);
}

#[test]
fn every_worker_is_chosen_by_its_deployment_its_budget_and_the_service() {
    let objects = objects();
    let service = find(&objects, "Service", &"passerelle".into());
    for deployment in of_kind(&objects, "Deployment") {
        let labels = &deployment["spec"]["template"]["metadata"]["labels"];
        assert!(selects(&deployment["spec"]["selector"]["matchLabels"], labels), "{}", name(deployment));
        assert!(selects(&service["spec"]["selector"], labels), "{}", name(deployment));
        let choosing: Vec<_> = of_kind(&objects, "PodDisruptionBudget")
            .filter(|budget| selects(&budget["spec"]["selector"]["matchLabels"], labels))
            .collect();
        // A pod in two budgets cannot be moved at all.
        let [budget] = choosing[..] else { panic!("{} has {} budgets", name(deployment), choosing.len()) };
        let left = budget["spec"]["minAvailable"].as_u64().unwrap();
        let replicas = deployment["spec"]["replicas"].as_u64().unwrap();
        assert!(left >= 1 && left < replicas, "{}: {left} of {replicas} must stay", name(deployment));
        let role = labels["app.kubernetes.io/component"].as_str().unwrap();
        let arguments = texts(&containers(deployment)[0]["args"]);
        assert!(arguments.windows(2).any(|pair| pair == ["--role", role]), "{arguments:?} is not for {role}");
        let ports: Vec<_> =
            containers(deployment).iter().flat_map(|container| container["ports"].as_array()).flatten().collect();
        let target = &service["spec"]["ports"][0]["targetPort"];
        assert!(ports.iter().any(|port| port["name"] == *target), "{} has no port {target}", name(deployment));
        for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
            let asked = &containers(deployment)[0][probe]["httpGet"];
            assert!(ports.iter().any(|port| port["containerPort"] == asked["port"]), "{probe} asks {asked}");
            let path = asked["path"].as_str().unwrap();
            assert_eq!(path, if probe == "readinessProbe" { "/readyz" } else { "/healthz" });
        }
    }
}

#[test]
fn everything_that_a_pod_takes_is_there() {
    let objects = objects();
    for deployment in of_kind(&objects, "Deployment") {
        let pod = &deployment["spec"]["template"]["spec"];
        find(&objects, "ServiceAccount", &pod["serviceAccountName"]);
        let volumes = pod["volumes"].as_array().unwrap();
        let mut mounted = BTreeSet::new();
        for container in containers(deployment) {
            for mount in container["volumeMounts"].as_array().unwrap() {
                let volume = volumes.iter().find(|volume| volume["name"] == mount["name"]);
                assert!(volume.is_some(), "{}: there is no volume {}", name(deployment), mount["name"]);
                mounted.insert(mount["name"].as_str().unwrap());
            }
            let mut keys = Vec::new();
            values_of(container, "secretKeyRef", &mut keys);
            for key in keys {
                let secret = find(&objects, "Secret", &key["name"]);
                assert!(secret["stringData"].get(key["key"].as_str().unwrap()).is_some(), "{key} is not in the secret");
            }
            let mut whole = Vec::new();
            values_of(container, "secretRef", &mut whole);
            for reference in whole {
                find(&objects, "Secret", &reference["name"]);
            }
        }
        for volume in volumes {
            assert!(mounted.contains(volume["name"].as_str().unwrap()), "nobody mounts {}", volume["name"]);
            if let Some(map) = volume.get("configMap") {
                find(&objects, "ConfigMap", &map["name"]);
            }
            if let Some(claim) = volume.get("persistentVolumeClaim") {
                find(&objects, "PersistentVolumeClaim", &claim["claimName"]);
            }
        }
    }
}

#[test]
fn no_container_may_do_more_than_it_needs() {
    let objects = objects();
    let mut seen = 0;
    for deployment in of_kind(&objects, "Deployment") {
        let pod = &deployment["spec"]["template"]["spec"];
        assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
        assert_eq!(pod["securityContext"]["seccompProfile"]["type"], "RuntimeDefault");
        assert_eq!(pod["automountServiceAccountToken"], false);
        for container in containers(deployment) {
            let context = &container["securityContext"];
            assert_eq!(context["readOnlyRootFilesystem"], true, "{}", container["name"]);
            assert_eq!(context["allowPrivilegeEscalation"], false, "{}", container["name"]);
            assert_eq!(texts(&context["capabilities"]["drop"]), ["ALL"], "{}", container["name"]);
            assert!(container["resources"]["limits"]["memory"].is_string(), "{} has no limit", container["name"]);
            seen += 1;
        }
    }
    assert_eq!(seen, 6);
}

#[test]
fn only_those_who_speak_to_systems_have_their_secrets_and_the_way_to_them() {
    let objects = objects();
    let outward = find(&objects, "NetworkPolicy", &"passerelle-systems".into());
    let roles = texts(&outward["spec"]["podSelector"]["matchExpressions"][0]["values"]);
    for deployment in of_kind(&objects, "Deployment") {
        let role = deployment["metadata"]["labels"]["app.kubernetes.io/component"].as_str().unwrap();
        let has_secrets = containers(deployment)[0].get("envFrom").is_some();
        assert_eq!(has_secrets, roles.contains(&role), "{role}");
        assert_eq!(has_secrets, role != "resolve", "{role}");
    }
    let inward = &find(&objects, "NetworkPolicy", &"passerelle".into())["spec"];
    assert_eq!(inward["podSelector"].as_object().map(serde_json::Map::len), Some(0), "not all pods are closed");
    assert_eq!(texts(&inward["policyTypes"]), ["Ingress", "Egress"]);
}

#[test]
fn the_gate_is_the_same_everywhere() {
    let objects = objects();
    let map = find(&objects, "ConfigMap", &"passerelle-gate".into());
    assert_eq!(map["data"]["haproxy.cfg"], text("gate/haproxy.cfg"));
}

/// The directory that the pods see, as the cluster lays it out.
pub fn directory() -> Directory {
    let objects = objects();
    let directory = Directory::new(&[]);
    for (map, folder) in [("passerelle", ""), ("passerelle-systems", "systems/")] {
        for (file, content) in find(&objects, "ConfigMap", &map.into())["data"].as_object().unwrap() {
            directory.write(&format!("{folder}{file}"), content.as_str().unwrap());
        }
    }
    directory
}

#[test]
fn the_configuration_is_one_that_the_program_takes() {
    directory().run(&["check"]).with(0);
}

#[test]
fn kubectl_reads_the_manifests() {
    let folder = deploy().join("kubernetes");
    let asked = judged_by("deploy/kubernetes", "kubectl", &["version", "--request-timeout=2s"], &folder);
    let Some(asked) = asked else { return };
    if !asked.status.success() {
        // Even its dry run asks a cluster which kinds there are.
        eprintln!("NOT RUN: deploy/kubernetes is not looked at by kubectl, because no cluster answers it");
        return;
    }
    let arguments = ["apply", "--dry-run=client", "--recursive", "--filename", "."];
    content(&judged_by("deploy/kubernetes", "kubectl", &arguments, &folder).unwrap());
}
