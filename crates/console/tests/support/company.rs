//! The systems of the small company, and what its hub would know.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use canonical::Entity;
use console::{
    Console, Limits, Live, QueueDepth, Readiness, Shares, StreamView, SubscriptionView, SystemView, WorkerView,
};
use jiff::{SignedDuration, Timestamp};
use store::{Export, OperateStore};
use tokio::sync::watch;

use super::fake::{TENANT, ago};

fn system(name: &str, kind: &str, streams: &[(&str, Entity, Export)], fed: &[Entity]) -> SystemView {
    let stream = |(name, entity, export): &(&str, Entity, Export)| StreamView {
        name: (*name).into(),
        entity: entity.clone(),
        schedule: "every 30 s".into(),
        export: *export,
    };
    SystemView {
        name: name.into(),
        tenant: TENANT.into(),
        kind: kind.into(),
        streams: streams.iter().map(stream).collect(),
        subscriptions: fed
            .iter()
            .map(|entity| SubscriptionView { tenant: TENANT.into(), entity: entity.clone() })
            .collect(),
    }
}

/// An ERP, a billing package, a bank, a CRM, an accounting provider, a warehouse.
pub fn systems() -> Vec<SystemView> {
    use Entity::{Customer, Invoice, Payment};
    vec![
        system("erp", "csv-drop", &[("customers", Customer, Export::Full)], &[]),
        system("billing", "xml-export", &[("invoices", Invoice, Export::Delta)], &[]),
        system("bank", "xml-export", &[("statements", Payment, Export::Delta)], &[]),
        system("crm", "rest-api", &[("accounts", Customer, Export::Delta)], &[Customer]),
        system("accounting", "rest-api", &[], &[Customer, Invoice, Payment]),
        system("warehouse", "csv-drop", &[], &[Customer]),
    ]
}

/// A running hub, as far as the console sees it: two workers, and a piece of work that nobody does.
#[derive(Default)]
pub struct Hub {
    /// Why its bus takes no messages.
    pub blocked: Mutex<Option<String>>,
}

impl Hub {
    /// From now on its bus takes no messages for this reason, or takes them again.
    #[allow(dead_code, reason = "the example shares this file and never blocks")]
    pub fn block(&self, reason: Option<&str>) {
        *self.blocked.lock().unwrap_or_else(PoisonError::into_inner) = reason.map(str::to_owned);
    }
}

impl Live for Hub {
    fn next_run(&self, _: &str, stream: &str) -> Option<Timestamp> {
        (stream != "statements").then(|| Timestamp::now() + SignedDuration::from_secs(24))
    }

    fn queue_depth(&self, _: &str, system: &str) -> Option<QueueDepth> {
        let warehouse = QueueDepth { changes: 318, oldest: Some(ago(1_262)) };
        Some(if system == "warehouse" { warehouse } else { QueueDepth::default() })
    }

    fn collecting(&self, system: &str, _: &str) -> bool {
        system == "erp"
    }

    fn bus_blocked(&self) -> Option<String> {
        self.blocked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn shares(&self) -> Shares {
        let worker = |name: &str, works: &[&str]| WorkerView {
            name: name.into(),
            works: works.iter().map(|work| Arc::from(*work)).collect(),
        };
        Shares {
            workers: vec![
                worker("hub-1-42-0a1b", &["collect/erp", "observed/0", "observed/2", "relay"]),
                worker("hub-2-17-9f3c", &["collect/crm", "delivery/crm", "observed/1", "operate"]),
            ],
            idle: vec!["delivery/warehouse".into()],
        }
    }
}

/// A console over a store. The sender changes its readiness.
pub fn console(
    store: Arc<dyn OperateStore>,
    systems: Vec<SystemView>,
    hub: Arc<Hub>,
) -> (Console, watch::Sender<Readiness>) {
    let (sender, readiness) = watch::channel(Readiness::Ready);
    let console = Console {
        store,
        systems,
        rules: BTreeMap::new(),
        matching: BTreeMap::new(),
        readiness,
        metrics: None,
        live: Some(hub),
        version: "0.1.0",
        limits: Limits::default(),
    };
    (console, sender)
}
