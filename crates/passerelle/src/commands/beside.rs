//! The hub that runs beside a command, on this machine or another: it is told what to do through the store.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hub::{Pending, Status};
use jiff::Timestamp;
use store::{Command, Store};

use crate::accounting::Accounting;
use crate::failure::Failure;
use crate::place::StorePlace;
use crate::session::{self, LOOK_DELAY};

/// How long a hub that runs may take to say what is on its way, beyond the patience that it was asked for.
const ANSWER_DELAY_MAX: Duration = Duration::from_secs(10);

/// How often it is made sure that a hub runs that can answer.
const LIFE_DELAY: Duration = Duration::from_secs(1);

/// The kind of work of whoever reads streams; see [`hub::WorkerStatus::kinds`].
const READING: &str = "collect";

/// A hub that runs, seen through its store.
pub struct Beside {
    /// Its store.
    pub store: Arc<dyn Store>,
    place: StorePlace,
}

impl Beside {
    /// The hub that runs on a store and can read streams; `None` where there is none, and this process may be one.
    ///
    /// Workers that only do other things are no such hub: a process that joins them reads.
    ///
    /// # Errors
    /// When the store cannot be asked.
    pub async fn find(place: StorePlace) -> Result<Option<Self>, Failure> {
        if !place.is_hub_running().await? {
            return Ok(None);
        }
        let store = place.open_beside().await?;
        let workers = store.workers().await?;
        // The embedded store keeps its workers to itself, and has no room for another process.
        let reads =
            workers.is_empty() || workers.iter().any(|worker| worker.kinds.iter().any(|kind| **kind == *READING));
        Ok(reads.then_some(Beside { store, place }))
    }

    /// The hub that runs on a store, whatever it does; `None` where there is none.
    ///
    /// # Errors
    /// When the store cannot be asked.
    pub async fn any(place: StorePlace) -> Result<Option<Self>, Failure> {
        let is_running = place.is_hub_running().await?;
        Ok(if is_running { Some(Beside { store: place.open_beside().await?, place }) } else { None })
    }

    /// Has the streams of a system read, or one of them, and waits for the end of it as long as anything moves.
    ///
    /// # Errors
    /// Why it cannot be read, or that nobody answered.
    pub async fn collect(
        &self,
        system: &str,
        stream: Option<&str>,
        again: bool,
        patience: Duration,
    ) -> Result<(), Failure> {
        let command = Command::Collect { system: system.to_owned(), stream: stream.map(str::to_owned), again };
        let read = self.answer(&command, patience).await?;
        read.map(drop).map_err(|reason| Failure::usage("cli.refused", reason))
    }

    /// Has the hub wait until everything that is on its way now has come to its end, and tell what is on its way then.
    /// With a patience of zero it tells at once.
    ///
    /// # Errors
    /// That nobody answered, or why it cannot be told.
    pub async fn settle(&self, patience: Duration) -> Result<Pending, Failure> {
        let patience_ms = u64::try_from(patience.as_millis()).unwrap_or(u64::MAX);
        self.told(&Command::Settle { patience_ms }, patience + ANSWER_DELAY_MAX).await
    }

    /// Has the hub tell how it stands.
    ///
    /// # Errors
    /// That nobody answered in time, or why it cannot be told.
    pub async fn status(&self, patience: Duration) -> Result<Status, Failure> {
        self.told(&Command::Status, patience).await
    }

    async fn told<T: serde::de::DeserializeOwned>(&self, command: &Command, patience: Duration) -> Result<T, Failure> {
        let told = self.answer(command, patience).await?;
        let told = told.map_err(|reason| Failure::unreachable("hub.not-quiet", reason))?;
        serde_json::from_str(&told)
            .map_err(|error| Failure::bug(format!("what the hub answers cannot be understood: {error}")))
    }

    /// Leaves a command in the store and waits for the answer, as long as anything moves.
    async fn answer(&self, command: &Command, patience: Duration) -> Result<Result<String, String>, Failure> {
        let number = self.store.submit(command, Timestamp::now()).await?;
        let (mut moved, mut lived) = (Instant::now(), Instant::now());
        let mut last = None;
        loop {
            if let Some(answer) = self.store.answer_of(number).await? {
                return Ok(answer);
            }
            if lived.elapsed() > LIFE_DELAY {
                lived = Instant::now();
                if !self.place.is_hub_running().await? && self.store.answer_of(number).await?.is_none() {
                    return Err(session::no_hub());
                }
            }
            let now = Accounting::take(&*self.store).await?;
            if last.as_ref() != Some(&now) {
                moved = Instant::now();
            }
            if moved.elapsed() > patience {
                return Err(session::no_answer(patience));
            }
            last = Some(now);
            tokio::time::sleep(LOOK_DELAY).await;
        }
    }
}
