//! What all requests of one console share.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use store::StoreError;
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;

use crate::events::Fragments;
use crate::flow::Flow;
use crate::inputs::Console;
use crate::links::Scope;
use crate::rates::Rates;

/// The console and what it remembers between requests.
pub(crate) struct Shared {
    pub(crate) console: Console,
    /// At least one: without any system, the one that names no tenant.
    pub(crate) views: Vec<View>,
    pub(crate) requests: Semaphore,
    pub(crate) watchers: Arc<Semaphore>,
    pub(crate) shutdown: CancellationToken,
}

/// What is remembered of one tenant.
pub(crate) struct View {
    pub(crate) scope: Scope,
    rates: Mutex<Rates>,
    /// The parts of the flow page as they were last seen, for pages that watch.
    pub(crate) fragments: watch::Sender<Fragments>,
}

impl Shared {
    pub(crate) fn new(console: Console, shutdown: CancellationToken) -> Self {
        let mut tenants = BTreeSet::new();
        for system in &console.systems {
            tenants.insert(Some(Arc::clone(&system.tenant)));
            tenants.extend(system.subscriptions.iter().map(|fed| Some(Arc::clone(&fed.tenant))));
        }
        if tenants.is_empty() {
            tenants.insert(None);
        }
        let named = tenants.len() > 1;
        let view = |tenant| View {
            scope: Scope::new(tenant, named),
            rates: Mutex::default(),
            fragments: watch::Sender::new(Fragments::default()),
        };
        Shared {
            views: tenants.into_iter().map(view).collect(),
            requests: Semaphore::new(console.limits.requests_max),
            watchers: Arc::new(Semaphore::new(console.limits.watchers_max)),
            console,
            shutdown,
        }
    }

    /// The view of a tenant; of the first one when none is asked for.
    pub(crate) fn view(&self, tenant: Option<&str>) -> Option<&View> {
        match tenant {
            None => self.views.first(),
            Some(wanted) => self.views.iter().find(|view| view.scope.tenant() == Some(wanted)),
        }
    }

    /// The flow of a tenant now.
    pub(crate) async fn flow(&self, view: &View) -> Result<Flow, StoreError> {
        Flow::take(&self.console, &view.scope, &view.rates, Timestamp::now()).await
    }
}
