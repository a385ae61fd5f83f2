//! The suite that every connector passes.

use async_trait::async_trait;
use canonical::entity::{Entity, Operation};
use canonical::record::{Body, Record};
use connector::testkit::{SourceHarness, TargetHarness, assert_conforms, check_source, check_target};
use connector::{Fault, Reference, Rendered, Source, Target};
use serde_json::{Value, json};

use super::open;
use super::server::{Server, customer, effect};
use super::writing::target;

struct Collection {
    server: Server,
    stream: Value,
}

#[async_trait]
impl SourceHarness for Collection {
    async fn reset(&mut self) {
        self.server.fill(11);
    }

    async fn open(&mut self) -> Result<Box<dyn Source>, Fault> {
        let table = json!({"streams": {"customers": self.stream.clone()}});
        let mut ports = open(&self.server.url, table).await?;
        ports.sources.remove("customers").ok_or_else(|| Fault::halt("the stream is not open"))
    }

    fn expected(&self) -> Vec<String> {
        (1..=11).map(|id| customer(id).to_string()).collect()
    }

    fn identity(&self, record: &Record) -> String {
        let Body::Json(body) = &record.body else { panic!("{record:?}") };
        body.to_string()
    }

    fn reads_again(&self) -> bool {
        self.stream.get("since").is_none()
    }
}

#[tokio::test]
async fn every_way_of_paging_conforms_as_a_source() {
    let since = json!({"parameter": "updated_since", "field": "updated_at", "overlap": 3});
    let pagings = [
        json!({"kind": "page"}),
        json!({"kind": "offset", "overlap": 2}),
        json!({"kind": "cursor", "next": "next"}),
        json!({"kind": "link"}),
    ];
    for paging in pagings {
        for since in [None, Some(&since)] {
            let mut stream = json!({"path": "/customers", "items": "data.items", "key": "id", "paging": paging});
            if let Some(since) = since {
                stream["since"] = since.clone();
            }
            let mut harness = Collection { server: Server::start().await, stream };
            assert_conforms(&check_source(&mut harness).await);
        }
    }
}

struct Customers {
    server: Server,
    target: Value,
}

#[async_trait]
impl TargetHarness for Customers {
    async fn reset(&mut self) {
        // A server of its own for each story: a request that was abandoned may still be on its way to the old one.
        self.server = Server::start().await;
        self.server.crm().is_idempotent = true;
    }

    async fn open(&mut self) -> Result<Box<dyn Target>, Fault> {
        let table = json!({"targets": {"customer": self.target.clone()}});
        open(&self.server.url, table).await?.target.ok_or_else(|| Fault::halt("the target is not open"))
    }

    fn change(&self, document: u64, version: u64) -> Rendered {
        let name = format!("{document}/{version}");
        Rendered {
            reference: Reference {
                entity: Entity::Customer,
                master_id: format!("master-{document}"),
                version,
                local_key: None,
            },
            operation: Operation::Upsert,
            record: Record::from_body(Body::Json(json!({"name": name}).into())),
            previous: None,
        }
    }

    fn effect(&self, change: &Rendered) -> String {
        let Body::Json(body) = &change.record.body else { panic!("{change:?}") };
        let mut body = json!(body);
        body["external_id"] = json!(change.reference.master_id);
        effect(&body)
    }

    async fn effects(&mut self) -> Vec<String> {
        self.server.crm().effects.clone()
    }
}

#[tokio::test]
async fn resources_conform_as_a_target() {
    let version = json!({"version_field": "version"});
    let patch = json!({
        "version_field": "version",
        "update": {"method": "PATCH", "path": "/customers/{key}"},
    });
    for more in [version, patch] {
        let mut harness = Customers { server: Server::start().await, target: target(&more) };
        assert_conforms(&check_target(&mut harness).await);
    }
}
