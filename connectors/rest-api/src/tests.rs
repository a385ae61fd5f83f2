//! Against a real server on a free port.

mod conformance;
mod reading;
mod server;
mod tls;
mod trouble;
mod writing;

use connector::{Fault, OpenContext, Ports, Registry};
use serde_json::{Value, json};

use crate::RestApi;

/// Opens a configuration the way the hub does; waits are short, so that tests are.
async fn open(base_url: &str, more: Value) -> Result<Ports, Fault> {
    let mut table = json!({"base_url": base_url, "retry_wait_ms_max": 20, "timeout_ms": 5_000});
    for (name, value) in more.as_object().unwrap() {
        table[name] = value.clone();
    }
    let registry = Registry::default().with::<RestApi>();
    let configured = registry.configure("rest-api", table).map_err(|error| Fault::halt(error.to_string()))?;
    configured.open(&OpenContext { system: "crm".to_owned(), ..OpenContext::default() }).await
}

/// What the documentation shows can be opened as it stands, but for the secrets.
#[tokio::test]
async fn the_examples_of_the_documentation_open() {
    let page = include_str!("../../../docs/connectors/rest-api.md");
    let examples: Vec<&str> = page.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert_eq!(examples.len(), 2);
    for example in examples {
        let mut file: Value = toml::from_str(example).unwrap();
        let table = file["connector"].as_object_mut().unwrap();
        assert_eq!(table.remove("kind"), Some(json!("rest-api")));
        let base_url = table["base_url"].as_str().unwrap().to_owned();
        let registry = Registry::default().with::<RestApi>();
        registry.configure("rest-api", json!(table)).map(|_| ()).unwrap();
        table.remove("auth");
        open(&base_url, json!(table)).await.map(|_| ()).unwrap();
    }
}
