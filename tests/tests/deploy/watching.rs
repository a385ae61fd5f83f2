//! Dashboard and alerts: every metric that they name is one that the running program shows, with the labels they use.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use passerelle_tests::serving::Serving;
use passerelle_tests::workspace;
use serde_json::Value;

use crate::kubernetes::directory;
use crate::shipped::{content, deploy, judged_by, text, values_of, yaml};

/// Metrics of others: Prometheus itself, and RabbitMQ's plugin.
const FOREIGN: &[&str] = &["up", "rabbitmq_alarms_memory_used_watermark", "rabbitmq_alarms_free_disk_space_watermark"];

/// Metrics of the process; all others of ours are of the store or of the bus, and the same at every worker.
const OF_THE_PROCESS: &[&str] = &["passerelle_build_info", "passerelle_ready", "passerelle_store_up"];

/// How long a hub may take to show all metrics, on a machine that is busy with other things.
const PATIENCE: Duration = Duration::from_secs(60);

/// Every expression of dashboard and alerts.
fn expressions() -> Vec<String> {
    let dashboard: Value = serde_json::from_str(&text("grafana/dashboards/passerelle.json")).unwrap();
    let alerts = yaml("prometheus/alerts.yml");
    let mut found = Vec::new();
    values_of(&dashboard, "expr", &mut found);
    values_of(&dashboard, "definition", &mut found);
    let of_dashboard = found.len();
    alerts.iter().for_each(|document| values_of(document, "expr", &mut found));
    assert!(of_dashboard > 20 && found.len() - of_dashboard > 10, "{of_dashboard} of {}", found.len());
    found.iter().map(|expression| expression.as_str().unwrap().to_owned()).collect()
}

/// The names in an expression that are metrics, with where they stand.
fn metrics(expression: &str) -> Vec<(usize, String)> {
    let is_name = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(start) = expression[at..].find(is_name).map(|offset| at + offset) {
        let end = expression[start..].find(|letter| !is_name(letter)).map_or(expression.len(), |length| start + length);
        let name = &expression[start..end];
        if name.starts_with("passerelle_") || FOREIGN.contains(&name) {
            found.push((start, name.to_owned()));
        }
        at = end;
    }
    found
}

/// The names of labels that an expression uses: in matchers, and those that it keeps with `by`.
fn labels(expression: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for rest in expression.split(" by (").skip(1) {
        found.extend(rest.split(')').next().unwrap().split(',').map(|label| label.trim().to_owned()));
    }
    for matchers in expression.split('{').skip(1).map(|rest| rest.split('}').next().unwrap()) {
        found.extend(matchers.split(',').map(|matcher| matcher.trim().split(['=', '!']).next().unwrap().to_owned()));
    }
    found
}

/// What a running hub shows: the labels of each metric.
fn shown(wanted: &BTreeSet<String>) -> BTreeMap<String, BTreeSet<String>> {
    let directory = directory();
    let export = std::fs::read(workspace().join("mappings/sage-100/examples/customer.csv")).unwrap();
    directory.write("exchange/erp/in/customers.csv", export);
    // The first look at a file only begins to wait for it to settle; the next one comes sooner than in earnest.
    let erp = std::fs::read_to_string(directory.path("systems/erp.toml")).unwrap();
    directory.write("systems/erp.toml", erp.replace("every = \"1m\"", "every = \"1s\""));
    let hub = Serving::start(directory.root());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let begun = Instant::now();
    loop {
        let page = runtime.block_on(async {
            let _ = rustls::crypto::ring::default_provider().install_default();
            reqwest::get(format!("http://{}/metrics", hub.address)).await.unwrap().text().await.unwrap()
        });
        let mut metrics: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for sample in page.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let (name, rest) = sample.split_at(sample.find(['{', ' ']).unwrap());
            let labels = rest.split(['{', ',']).filter_map(|pair| Some(pair.split_once("=\"")?.0.to_owned()));
            metrics.entry(name.to_owned()).or_default().extend(labels);
        }
        let missing: Vec<_> = wanted.iter().filter(|name| !metrics.contains_key(*name)).collect();
        if missing.is_empty() {
            return metrics;
        }
        assert!(begun.elapsed() < PATIENCE, "the program shows no {missing:?}; it shows\n{page}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn every_metric_is_shown_with_the_labels_that_are_used() {
    let expressions = expressions();
    let names = expressions.iter().flat_map(|expression| metrics(expression)).map(|(_, name)| name);
    let wanted: BTreeSet<String> = names.filter(|name| name.starts_with("passerelle_")).collect();
    assert!(wanted.len() > 15, "{wanted:?}");
    let shown = shown(&wanted);
    for expression in &expressions {
        let mut known: BTreeSet<&str> = BTreeSet::from(["instance", "job"]);
        let named = metrics(expression);
        assert!(!named.is_empty() || expression.contains("vector"), "{expression} names no metric");
        known.extend(named.iter().filter_map(|(_, name)| shown.get(name)).flatten().map(String::as_str));
        for label in labels(expression) {
            assert!(known.contains(&*label), "{expression} uses the label {label}; there are {known:?}");
        }
    }
}

#[test]
fn what_all_workers_show_alike_is_never_added_up() {
    for expression in expressions().iter().filter(|expression| !expression.starts_with("label_values(")) {
        for (at, name) in metrics(expression) {
            if FOREIGN.contains(&&*name) || OF_THE_PROCESS.contains(&&*name) {
                continue;
            }
            // The innermost aggregation before the name; `rate` and the like are none.
            let before = &expression[..at];
            let last = ["max by (", "min by (", "max(", "min(", "sum by (", "sum(", "count(", "count by ("]
                .into_iter()
                .filter_map(|aggregation| Some((before.rfind(aggregation)?, aggregation)))
                .max();
            let is_safe = last.is_some_and(|(_, aggregation)| aggregation.starts_with('m'));
            assert!(is_safe, "{expression} adds {name} up over the workers, which all show the same");
        }
    }
}

#[test]
fn the_alerts_of_the_operator_are_there_and_say_what_to_do() {
    let alerts = yaml("prometheus/alerts.yml");
    let mut names = BTreeSet::new();
    for rule in alerts[0]["groups"].as_array().unwrap().iter().flat_map(|group| group["rules"].as_array().unwrap()) {
        let name = rule["alert"].as_str().unwrap();
        for annotation in ["summary", "action"] {
            assert!(rule["annotations"][annotation].is_string(), "{name} has no {annotation}");
        }
        assert!(rule["labels"]["severity"].is_string(), "{name} has no severity");
        assert!(names.insert(name.to_owned()), "{name} is there twice");
    }
    for wanted in ["OldestUndelivered", "Parked", "TargetDown", "StoreUnreachable", "BusBlocked", "WorkIdle"] {
        assert!(names.contains(&format!("Passerelle{wanted}")), "{wanted} raises no alarm");
    }
}

#[test]
fn grafana_and_prometheus_find_each_other_and_what_they_watch() {
    let provisioned = yaml("grafana/provisioning/datasources/prometheus.yml");
    let source = &provisioned[0]["datasources"][0];
    let dashboard: Value = serde_json::from_str(&text("grafana/dashboards/passerelle.json")).unwrap();
    let mut used = Vec::new();
    values_of(&dashboard, "datasource", &mut used);
    assert!(used.len() > 20 && used.iter().all(|used| used["uid"] == source["uid"]), "{used:?}");
    let compose = yaml("compose.yaml");
    let prometheus = yaml("prometheus/prometheus.yml");
    let mut lists = Vec::new();
    values_of(&prometheus[0], "targets", &mut lists);
    let targets = lists.iter().flat_map(|list| list.as_array().unwrap()).map(|target| target.as_str().unwrap());
    let address = source["url"].as_str().unwrap().strip_prefix("http://").unwrap();
    for target in targets.chain([address]) {
        let service = target.split(':').next().unwrap();
        assert!(compose[0]["services"].get(service).is_some(), "{target} is no service of compose.yaml");
    }
}

#[test]
fn promtool_finds_nothing_wrong() {
    let arguments = ["check", "config", "prometheus/prometheus.yml"];
    if let Some(output) = judged_by("deploy/prometheus", "promtool", &arguments, &deploy()) {
        content(&output);
    }
}
