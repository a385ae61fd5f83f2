//! News of the outbox between processes, and the sign that a hub is there.
//!
//! Notifications are sent after a commit and apart from it, because transactions that notify queue for one lock of the
//! whole server. One that is lost costs a moment: relays look again after a while without news.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, oneshot};
use tokio::task::AbortHandle;

use super::core::Core;
use super::failure::Failure;
use super::locks;
use super::pool::Link;

/// The least time between two notifications: what comes in between is told together.
const SPREAD_PAUSE: Duration = Duration::from_millis(10);

const PAUSE_MAX: Duration = Duration::from_secs(10);

/// Hears and spreads news for as long as it lives.
pub(super) struct Listener {
    task: AbortHandle,
    begun: std::sync::Mutex<Option<oneshot::Receiver<()>>>,
}

impl Listener {
    /// Starts it; as a hub it also shows that a hub is there.
    pub fn start(core: &Arc<Core>, is_hub: bool) -> Listener {
        let (first, begun) = oneshot::channel();
        let task = tokio::spawn(run(Arc::clone(core), is_hub, first)).abort_handle();
        Listener { task, begun: std::sync::Mutex::new(Some(begun)) }
    }

    /// Waits until it listens, or has failed to for the first time.
    pub async fn begun(&self) {
        let begun = self.begun.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        if let Some(begun) = begun {
            let _ = begun.await;
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn run(core: Arc<Core>, is_hub: bool, first: oneshot::Sender<()>) {
    let mut first = Some(first);
    let mut pause = Duration::from_millis(100);
    loop {
        match listen(&core, is_hub).await {
            Ok((link, lost)) => {
                pause = Duration::from_millis(100);
                drop(first.take());
                // What was said while nobody listened.
                core.outbox_heard();
                let error = spread(&core, &link, &lost).await.at(&core.place);
                tracing::debug!(%error, "news of the outbox break off");
            }
            Err(failure) => {
                drop(first.take());
                let error = failure.at(&core.place);
                tracing::debug!(%error, "no news of the outbox from other processes");
            }
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PAUSE_MAX);
    }
}

async fn listen(core: &Arc<Core>, is_hub: bool) -> Result<(Link, Arc<Notify>), Failure> {
    let lost = Arc::new(Notify::new());
    let hears = Arc::downgrade(core);
    let ended = Ended(Arc::clone(&lost));
    let news = move |_: &str, _: i32| {
        let _ended = &ended;
        if let Some(core) = hears.upgrade() {
            core.outbox_heard();
        }
    };
    let link = Link::new(core.connector.connect(Some(Box::new(news))).await?);
    let channel = channel(core);
    link.client().batch_execute(&format!("LISTEN {channel}")).await?;
    if is_hub {
        link.query_one("SELECT pg_try_advisory_lock_shared($1)", &[&presence(core)]).await?;
    }
    Ok((link, lost))
}

/// Tells when the connection that holds it has ended.
struct Ended(Arc<Notify>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

/// Spreads news until the connection fails.
async fn spread(core: &Arc<Core>, link: &Link, lost: &Notify) -> Failure {
    let channel = channel(core);
    loop {
        tokio::select! {
            () = core.spread.notified() => {}
            () = lost.notified() => return Failure::internal("the connection for news ended"),
        }
        if let Err(failure) = link.execute("SELECT pg_notify($1, '')", &[&channel]).await {
            return failure;
        }
        tokio::time::sleep(SPREAD_PAUSE).await;
    }
}

/// Channels are shared by all of a database: the schema keeps stores apart.
fn channel(core: &Core) -> String {
    format!("{}_outbox", core.options.schema)
}

/// The lock that every hub holds together with the others.
fn presence(core: &Core) -> i64 {
    locks::number(&core.options.schema, 0, &["hub"])
}

/// Whether any hub holds its sign.
pub(super) async fn is_hub_running(core: &Core) -> Result<bool, Failure> {
    let link = core.link().await?;
    let row = link.query_one("SELECT pg_try_advisory_lock($1)", &[&presence(core)]).await?;
    let is_free: bool = row.get(0);
    if is_free {
        link.query_one("SELECT pg_advisory_unlock($1)", &[&presence(core)]).await?;
    }
    Ok(!is_free)
}
