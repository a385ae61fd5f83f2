//! What a transaction of resolve reads before it decides.

use std::collections::HashMap;
use std::sync::Arc;

use master::MasterId;
use store::{Attempt, LocalKey, StoreError};

use super::{Known, Shown, Working, links, unique};
use crate::reading;

impl Working<'_> {
    /// Reads everything that these observations may touch, in a handful of calls.
    pub(super) async fn read(&mut self, prepared: &[links::Prepared]) -> Result<(), StoreError> {
        let local_keys = prepared
            .iter()
            .flat_map(|one| one.references.iter().map(|link| link.to.clone()).chain([one.local.clone()]));
        let local_keys = unique(local_keys.filter(|key| !self.crosswalk.contains_key(key)));
        self.read_crosswalk(local_keys.clone()).await?;
        let match_keys = prepared.iter().flat_map(|one| one.match_keys.iter().cloned());
        let match_keys = unique(match_keys.filter(|key| !self.matches.contains_key(key)));
        self.read_matches(&match_keys).await?;
        let crosswalked =
            local_keys.iter().filter_map(|key| self.crosswalk.get(key)?.as_ref().map(|row| row.master_id));
        let matched = match_keys.iter().filter_map(|key| self.matches.get(key)).flatten().copied();
        let ids: Vec<MasterId> = crosswalked.chain(matched).collect();
        self.read_masters(ids).await?;
        let named = unique(prepared.iter().flat_map(|one| one.references.iter().map(|link| link.to.clone())));
        self.read_asked_about(&named).await?;
        self.read_under_way(prepared).await?;
        self.read_covers(prepared).await?;
        self.read_blocked(prepared).await?;
        self.read_waiting(prepared).await?;
        self.take_numbers(prepared).await
    }

    pub(super) async fn read_matches(&mut self, keys: &[String]) -> Result<(), StoreError> {
        if keys.is_empty() {
            return Ok(());
        }
        for (key, ids) in keys.iter().zip(self.resolution.matches(keys).await?) {
            self.matches.insert(key.clone(), ids);
        }
        Ok(())
    }

    /// Reads masters with their sources, following redirects.
    pub(in crate::resolve) async fn read_masters(
        &mut self,
        ids: impl IntoIterator<Item = MasterId>,
    ) -> Result<(), StoreError> {
        let mut ids = unique(ids.into_iter().filter(|id| !self.masters.contains_key(id)));
        while !ids.is_empty() {
            let rows = self.resolution.masters(&ids).await?;
            let sources = self.resolution.sources_of(&ids).await?;
            let mut survivors = Vec::new();
            for ((id, row), sources) in ids.iter().zip(rows).zip(sources) {
                survivors.extend(row.as_ref().and_then(|row| row.redirect));
                let sources: Vec<Shown> = sources.into_iter().filter_map(Shown::read).collect();
                self.masters.insert(*id, Known { row, sources, ..Known::default() });
            }
            ids = unique(survivors.into_iter().filter(|id| !self.masters.contains_key(id)));
        }
        Ok(())
    }

    pub(in crate::resolve) async fn read_covers(&mut self, prepared: &[links::Prepared]) -> Result<(), StoreError> {
        let of_sources =
            self.masters.values().flat_map(|known| known.sources.iter().map(|source| source.row.mapping.clone()));
        let versions = of_sources.chain(prepared.iter().map(|one| one.observation.mapping.clone()));
        for version in unique(versions.filter(|version| !self.covers.contains_key(version))) {
            let covers =
                if *version == *reading::EMBEDDED { None } else { self.context.store.mapping_covers(&version).await? };
            self.covers.insert(version, covers);
        }
        Ok(())
    }

    pub(in crate::resolve) async fn read_blocked(&mut self, prepared: &[links::Prepared]) -> Result<(), StoreError> {
        let keys = prepared.iter().map(links::Prepared::blocked_key).filter(|key| !self.unblocked.contains(key));
        let keys = unique(keys);
        let parked = self.resolution.parked_keys(&keys).await?;
        let parked: HashMap<_, _> =
            keys.into_iter().zip(parked).filter(|(_, positions)| !positions.is_empty()).collect();
        for one in prepared {
            let place = (one.blocked_key(), one.observation.position);
            let Some(positions) = parked.get(&place.0) else { continue };
            if !positions.contains(&Some(place.1)) || self.parked.contains_key(&place) {
                continue;
            }
            if let Some(event) = self.resolution.parked_at(&place.0, place.1).await? {
                self.parked.insert(place, event);
            }
        }
        self.blocked.extend(parked.into_keys());
        Ok(())
    }

    /// Reads the open calls to those systems that both show and are fed what is observed. A call is durable before it is
    /// made and ends in the store's one writer, which this transaction holds: so every change that a system can show by
    /// now is either in its crosswalk row or here.
    async fn read_under_way(&mut self, prepared: &[links::Prepared]) -> Result<(), StoreError> {
        let fed = |one: &&links::Prepared| {
            let system = self.context.settings.systems.get(&one.local.system);
            system.is_some_and(|system| system.subscriptions.contains_key(&one.local.entity))
        };
        let systems = unique(prepared.iter().filter(fed).map(|one| one.local.system.clone()));
        self.read_calls(systems).await?;
        // A record that nobody knows yet may turn out to be one of these.
        let new = prepared.iter().filter(|one| self.crosswalk(&one.local).is_none());
        let masters = new.flat_map(|one| self.under_way(&one.local).map(|member| member.master_id));
        let masters: Vec<MasterId> = unique(masters);
        self.read_masters(masters).await
    }

    /// Reads the open calls to some systems.
    pub(super) async fn read_calls(&mut self, systems: Vec<Arc<str>>) -> Result<(), StoreError> {
        for system in systems {
            let attempts = self.context.store.open_attempts(&self.tenant, &system).await?;
            let members = attempts
                .into_iter()
                .flat_map(|Attempt { at, members, .. }| members.into_iter().map(move |one| (at, one)));
            self.under_way.insert(system, members.collect());
        }
        Ok(())
    }

    /// Takes as many numbers as these observations can need.
    async fn take_numbers(&mut self, prepared: &[links::Prepared]) -> Result<(), StoreError> {
        // Customers get theirs when they are told apart.
        let unknown = |one: &&links::Prepared| {
            one.evidence.is_none() && self.crosswalk.get(&one.local).is_none_or(Option::is_none)
        };
        let unknown = prepared.iter().filter(unknown).count();
        self.require_numbers(unknown as u64, prepared.len() as u64).await
    }

    /// Takes so many numbers more: those that were taken before are somebody's already.
    pub(in crate::resolve) async fn require_numbers(&mut self, masters: u64, versions: u64) -> Result<(), StoreError> {
        if masters == 0 && versions == 0 {
            return Ok(());
        }
        let reserved = self.resolution.reserve(masters, versions).await?;
        self.numbers.masters.add(reserved.master_id.0, masters);
        self.numbers.versions.add(reserved.version, versions);
        self.numbers.taken.push(reserved.master_id.0..reserved.master_id.0 + masters);
        Ok(())
    }

    /// Reads the crosswalk rows of records that were not read yet.
    pub(in crate::resolve) async fn read_crosswalk(&mut self, keys: Vec<LocalKey>) -> Result<(), StoreError> {
        let keys = unique(keys.into_iter().filter(|key| !self.crosswalk.contains_key(key)));
        for (key, row) in keys.iter().zip(self.resolution.crosswalk(&keys).await?) {
            self.crosswalk.insert(key.clone(), row);
        }
        Ok(())
    }
}
