//! Store and bus that cannot be used for a while: many tasks wait then, and people are told once.
//!
//! The first task that has to wait tells it, and the last one that goes on tells that it is over. What one task alone waits
//! for, such as a system, it tells itself.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bus::BusError;
use store::StoreError;

use crate::fault::HubError;

/// An outage that comes again so soon after the last one was told is part of it, and told only when it lasts.
const QUIET: Duration = Duration::from_secs(60);

/// What all tasks of a hub wait for together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Engine {
    Store,
    Bus,
}

/// An error that may be about an engine as a whole.
pub(crate) trait OfEngine: std::fmt::Display {
    /// The engine, when nobody can use it now.
    fn engine(&self) -> Option<Engine>;
}

impl OfEngine for StoreError {
    fn engine(&self) -> Option<Engine> {
        let is_away = matches!(self, StoreError::Unreachable(_) | StoreError::Refused(_) | StoreError::Storage { .. });
        is_away.then_some(Engine::Store)
    }
}

impl OfEngine for BusError {
    fn engine(&self) -> Option<Engine> {
        let is_away = matches!(self, BusError::Unreachable(_) | BusError::Refused(_) | BusError::Blocked(_));
        is_away.then_some(Engine::Bus)
    }
}

impl OfEngine for HubError {
    fn engine(&self) -> Option<Engine> {
        match self {
            HubError::Store(error) => error.engine(),
            HubError::Bus(error) => error.engine(),
            _ => None,
        }
    }
}

/// What is known of the outages of a hub.
#[derive(Clone, Default)]
pub(crate) struct Outages(Arc<[Mutex<Outage>; 2]>);

#[derive(Default)]
struct Outage {
    /// How many tasks wait.
    waiting: usize,
    since: Option<Instant>,
    /// Whether this outage was told.
    is_told: bool,
    told_at: Option<Instant>,
}

impl Outages {
    /// For one task.
    pub fn waiting(&self) -> Waiting {
        Waiting { outages: self.clone(), engine: None }
    }

    fn with<T>(&self, engine: Engine, change: impl FnOnce(&mut Outage) -> T) -> T {
        change(&mut self.0[engine as usize].lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What one task waits for.
pub(crate) struct Waiting {
    outages: Outages,
    engine: Option<Engine>,
}

impl Waiting {
    /// Notes why the task waits. `tell` is called when that concerns this task alone; else people are told once for all.
    pub fn because<E: OfEngine>(&mut self, error: &E, tell: impl FnOnce()) {
        let Some(engine) = error.engine() else {
            self.over();
            return tell();
        };
        if self.engine != Some(engine) {
            self.over();
            self.engine = Some(engine);
            self.outages.with(engine, |outage| outage.waiting += 1);
        }
        let is_news = self.outages.with(engine, |outage| {
            outage.since.get_or_insert_with(Instant::now);
            let is_quiet = outage.told_at.is_some_and(|told| told.elapsed() < QUIET);
            let is_news = !outage.is_told && !is_quiet;
            if is_news {
                (outage.is_told, outage.told_at) = (true, Some(Instant::now()));
            }
            is_news
        });
        match engine {
            Engine::Store if is_news => tracing::warn!(%error, "the hub waits for the store, and loses nothing"),
            Engine::Bus if is_news => tracing::warn!(%error, "the hub waits for the bus, and loses nothing"),
            _ => tracing::debug!(?engine, %error, "still waiting"),
        }
    }

    /// The task goes on.
    pub fn over(&mut self) {
        let Some((engine, seconds)) = self.leave() else { return };
        match engine {
            Engine::Store => tracing::info!(seconds, "the store is back"),
            Engine::Bus => tracing::info!(seconds, "the bus is back"),
        }
    }

    /// Waits no longer. Tells how long an outage lasted that was told and is over with it.
    fn leave(&mut self) -> Option<(Engine, u64)> {
        let engine = self.engine.take()?;
        self.outages.with(engine, |outage| {
            outage.waiting -= 1;
            if outage.waiting > 0 {
                return None;
            }
            let since = outage.since.take()?;
            std::mem::take(&mut outage.is_told).then(|| (engine, since.elapsed().as_secs()))
        })
    }
}

impl Drop for Waiting {
    /// A task that ends while it waits tells nothing: nobody knows whether the engine is back.
    fn drop(&mut self) {
        self.leave();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_told(outages: &Outages) -> bool {
        outages.with(Engine::Store, |outage| outage.is_told)
    }

    #[test]
    fn many_wait_and_one_tells() {
        let outages = Outages::default();
        let away = StoreError::Unreachable("it does not answer".to_owned());
        let (mut one, mut other) = (outages.waiting(), outages.waiting());
        one.because(&away, || panic!("it is not this task's alone"));
        other.because(&away, || panic!("it is not this task's alone"));
        one.because(&HubError::Store(StoreError::Refused("no".to_owned())), || panic!("the same outage"));
        assert!(is_told(&outages));
        one.over();
        one.over();
        assert!(is_told(&outages), "the other waits still");
        assert!(other.leave().is_some_and(|(engine, _)| engine == Engine::Store));
        // Again at once: part of the same.
        other.because(&away, || panic!("it is not this task's alone"));
        assert!(!is_told(&outages) && other.leave().is_none());
        outages.with(Engine::Store, |outage| outage.told_at = Instant::now().checked_sub(QUIET));
        other.because(&away, || panic!("it is not this task's alone"));
        assert!(is_told(&outages), "it lasts");
    }

    #[test]
    fn what_concerns_one_task_is_told_by_it() {
        let outages = Outages::default();
        let mut waiting = outages.waiting();
        let told = std::cell::Cell::new(0);
        let tell = || told.set(told.get() + 1);
        waiting.because(&StoreError::Internal("a row".to_owned()), tell);
        waiting.because(&BusError::Full(bus::Queue::Observed(0)), tell);
        assert_eq!(told.get(), 2);
        waiting.because(&BusError::Unreachable("gone".to_owned()), tell);
        assert_eq!(told.get(), 2);
        drop(waiting);
        assert_eq!(outages.with(Engine::Bus, |outage| outage.waiting), 0);
    }
}
