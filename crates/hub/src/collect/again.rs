//! What a lost bus took with it, published once more: the same observations, under the drop and the place that they had.
//!
//! Nothing of the accounting changes: these records were counted as read and in flight, and end as such when they are
//! resolved. What was resolved before the bus was lost is left out, and if two copies meet, resolve knows the second.
//! It comes before anything new of the stream, so that no older state of a record follows a newer one.

use connector::{Again, Batch, Item, PastDrop, Source};
use roaring::{RoaringBitmap, RoaringTreemap};
use store::{AbsentRecord, Collected, GivenUp, LostDrop, NewReject, Outcomes, RecordOutcome};

use super::step::{self, Key, Last, Step};
use super::{Collector, Doubt, OpenDrop};
use crate::fault::HubError;

/// The place of the reject that tells of a lost drop: behind everything that a drop can have.
const BEHIND: u64 = 1 << 62;

/// The code of such a reject.
const CODE: &str = "collect.lost-with-bus";

/// What is to be done about a drop of which nobody knows what was published.
const UNKNOWN: &str = "an earlier version of Passerelle published it and did not note what; hand it in again with \
    `passerelle ingest`, unless a later file of the stream shows the same records";

impl Collector {
    /// Publishes once more what was lost of this stream, once for as long as its source is open: nothing can be marked as
    /// lost while a hub runs.
    pub async fn make_up(&mut self) -> Result<(), HubError> {
        if self.is_made_up {
            return Ok(());
        }
        self.save_mapping_version().await?;
        for lost in self.context.store.lost_drops(&self.key).await? {
            self.make_up_for(&lost).await?;
        }
        self.is_made_up = true;
        Ok(())
    }

    async fn make_up_for(&mut self, lost: &LostDrop) -> Result<(), HubError> {
        let published = self.context.store.published_of(lost.number).await?;
        let ordinals = step::read_ordinals(&published.ordinals)?;
        // Removals need no source.
        if !ordinals.is_empty() || published.removals.is_empty() {
            let past = PastDrop { name: lost.name.clone(), fingerprint: lost.fingerprint };
            match self.source.again(&past).await? {
                Again::Everything => return self.give_up(lost, None).await,
                Again::Gone(remedy) => return self.give_up(lost, Some(&remedy)).await,
                Again::Drop(_) if ordinals.is_empty() => return self.give_up(lost, Some(UNKNOWN)).await,
                Again::Drop(source) => self.publish_again(lost, source, &ordinals).await?,
            }
        }
        self.remove_again(lost, &published.removals).await?;
        Ok(self.context.store.found_again(lost.number).await?)
    }

    async fn publish_again(
        &mut self,
        lost: &LostDrop,
        mut source: Box<dyn Source>,
        ordinals: &RoaringTreemap,
    ) -> Result<(), HubError> {
        let drop = open_again(lost);
        let (mut count, mut after) = (0, None);
        while let Some(batch) = source.read(after.as_ref()).await? {
            if self.context.stop.is_cancelled() {
                return Err(HubError::Unknown("the hub is stopping".to_owned()));
            }
            count += self.begin_step().again(&drop, &batch, ordinals).await?;
            if batch.last {
                break;
            }
            after = Some(batch.checkpoint);
        }
        tracing::info!(system = %self.key.system, stream = %self.key.stream, drop = lost.number, records = count, "what was lost with the bus is published again");
        Ok(())
    }

    /// Publishes removals that a full export implied.
    async fn remove_again(&mut self, lost: &LostDrop, removals: &[AbsentRecord]) -> Result<(), HubError> {
        let drop = open_again(lost);
        for removals in removals.chunks(step::REMOVALS_MAX) {
            let step = self.begin_step();
            let records: Vec<(&str, u64)> =
                removals.iter().map(|removal| (removal.key.as_str(), step::removal_ordinal(removal.row))).collect();
            let entity = step.stream.mapping.entity();
            let open = step.context.store.unresolved(step.key, entity, lost.number, &records).await?;
            let open = removals.iter().zip(open).filter(|(_, is_open)| *is_open);
            let observations: Vec<_> = open.map(|(removal, _)| step.removal(&drop, removal, lost.begun_at)).collect();
            step.publish(&observations).await?;
        }
        Ok(())
    }

    /// Lets the stream show the records of a drop again by other ways: from its very beginning, or, where there is
    /// something to be done for that, by somebody who does it.
    async fn give_up(&mut self, lost: &LostDrop, remedy: Option<&str>) -> Result<(), HubError> {
        let (system, stream, drop, records) = (&self.key.system, &self.key.stream, lost.number, lost.in_flight);
        let reject = remedy.map(|remedy| NewReject {
            ordinal: BEHIND,
            file: Some(lost.name.clone()),
            line: None,
            key: None,
            code: CODE.to_owned(),
            reason: format!("{records} records of drop {drop} were lost with the bus: {remedy}"),
            raw: Vec::new(),
        });
        match &reject {
            Some(reject) => tracing::error!(%system, %stream, drop, code = CODE, "{}", reject.reason),
            None => {
                tracing::warn!(%system, %stream, drop, records, "lost with the bus: the stream is read from its very beginning");
            }
        }
        let given_up = GivenUp { lost: lost.clone(), from_the_beginning: reject.is_none(), reject };
        Ok(self.context.store.give_up(given_up).await?)
    }
}

/// A drop that is published again, as it was when it was read: nothing is doubted, and it is not counted.
fn open_again(lost: &LostDrop) -> OpenDrop {
    OpenDrop {
        number: lost.number,
        name: lost.name.clone(),
        fingerprint: lost.fingerprint,
        seen: RoaringBitmap::new(),
        nameless_rejects: false,
        doubt: Doubt::None,
        read_at: Some(lost.begun_at),
        outcomes: Outcomes::default(),
        control: None,
    }
}

impl Step<'_> {
    /// Publishes those records of a batch that were published before and were not resolved; returns how many.
    async fn again(mut self, drop: &OpenDrop, batch: &Batch, ordinals: &RoaringTreemap) -> Result<usize, HubError> {
        let mut records = Vec::new();
        for item in &batch.items {
            let Item::Record(record) = item else { continue };
            if ordinals.contains(record.place.ordinal)
                && let Ok(key) = self.reader.key(&record.body)
            {
                records.push((record, key.into_owned()));
            }
        }
        let places: Vec<(&str, u64)> =
            records.iter().map(|(record, key)| (key.as_str(), record.place.ordinal)).collect();
        let keys: Vec<&str> = places.iter().map(|(key, _)| *key).collect();
        let entity = self.stream.mapping.entity();
        let open = self.context.store.unresolved(self.key, entity, drop.number, &places).await?;
        let known = self.context.store.known_records(self.key, &keys).await?;
        let (mut observations, mut attachments) = (Vec::new(), Vec::new());
        let (mut rejects, mut count) = (Vec::new(), 0);
        let at = drop.read_at.unwrap_or_else(|| self.context.now());
        for (((record, key), is_open), known) in records.iter().zip(open).zip(known) {
            if !is_open {
                continue;
            }
            let partition = known.and_then(|known| self.spread.recall(known.partition));
            let now = Key { key, hash: [0; 16], shown: false, last: Last { hash: None, partition } };
            match self.observe(drop, record, &now, at) {
                Ok(more) => {
                    observations.extend(more.observations);
                    attachments.extend(more.attachments);
                    count += 1;
                }
                // It is read by another mapping than then.
                Err(reject) => rejects.push(*reject),
            }
        }
        self.context.store.save_attachments(&self.key.tenant, attachments).await?;
        self.publish(&observations).await?;
        self.reject_again(drop, rejects).await?;
        Ok(count)
    }

    /// Ends the flight of records that today's mapping does not read.
    async fn reject_again(&self, drop: &OpenDrop, rejects: Vec<NewReject>) -> Result<(), HubError> {
        if rejects.is_empty() {
            return Ok(());
        }
        let count = i64::try_from(rejects.len()).unwrap_or(i64::MAX);
        let mut outcomes = Outcomes { in_flight: -count, ..Outcomes::default() };
        outcomes.add(RecordOutcome::Rejected, count);
        let step = Collected { rejects, outcomes, ..step::empty(self.key, drop, self.context.now()) };
        self.context.store.commit_collected(step).await?;
        Ok(())
    }
}
