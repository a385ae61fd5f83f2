//! `passerelle match learn --hub` and `passerelle match models`: the models that a hub keeps.

use std::collections::BinaryHeap;
use std::path::Path;

use console::Yardstick;
use jiff::Timestamp;
use master::matching::{Bits, Evidence, Kind, LearnOptions, LevelWeight, MatchOptions, Model, RecordNumber};
use serde::Serialize;
use store::{MatchRecord, MatchStore, StoreError};

use super::super::customers::tenant;
use crate::cli::{MatchLearn, MatchModels};
use crate::failure::{Exit, Failure};
use crate::output::{self, Table, counted, moment};
use crate::session::store_beside;

/// Records that are read at once.
const PAGE: usize = 1_000;

/// From so few records little can be learned.
const RECORDS_FEW: u64 = 1_000;

/// A weight that changed by less is not worth a line.
const CHANGE_MIN: Bits = Bits(500);

/// What was learned, and how it differs from what was in force.
#[derive(Serialize)]
struct Learned {
    tenant: String,
    number: u32,
    records: u64,
    pairs: u64,
    /// The number of the model that was in force; 0 for the one that is shipped.
    before: u32,
    /// How much the weight of each level by itself changed.
    weights: Vec<Change>,
}

/// The weight of one level before and after.
#[derive(Serialize)]
struct Change {
    #[serde(flatten)]
    after: LevelWeight,
    before_against_unrelated: Bits,
    before_against_related: Bits,
}

/// A model in a listing.
#[derive(Serialize)]
struct Listed {
    number: u32,
    at: Timestamp,
    records: u64,
    pairs: u64,
}

/// Learns a model from what the records of a hub have shown, and puts it in force.
///
/// # Errors
/// When there is no store, nothing to learn from, or somebody else has learned at the same time.
pub async fn learn(hub: &Path, arguments: &MatchLearn) -> Result<Exit, Failure> {
    let store = store_beside(hub).await?;
    let tenant = tenant::meant(&*store, arguments.tenant.as_deref()).await?;
    let before = Yardstick::of(&*store, &tenant, MatchOptions::default()).await?.model;
    let mut sample = Sample::new(arguments.seed, arguments.sample);
    let mut after: RecordNumber = 0;
    loop {
        let page = store.match_records_after(&tenant, after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = last.number;
        page.iter().try_for_each(|record| sample.show(record))?;
    }
    let records = sample.into_evidence();
    let number = before.number.checked_add(1).ok_or_else(|| Failure::bug("there is no next number for a model"))?;
    // Learning takes seconds: whoever shares this thread goes on.
    let learned = tokio::task::spawn_blocking(move || Model::learn(number, &records, LearnOptions::default())).await;
    let model = learned.map_err(|error| Failure::bug(format!("learning ended by itself: {error}")))?;
    if model.pairs == 0 {
        let message = format!(
            "no two records of {tenant} share a key, among {}: there is nothing to learn from; read some files first",
            counted(model.records, "record")
        );
        return Err(Failure::usage("match.nothing-learned", message));
    }
    let text = serde_json::to_string(&model).map_err(|error| Failure::bug(error.to_string()))?;
    store.add_match_model(&tenant, number, &text, Timestamp::now()).await.map_err(|error| match error {
        StoreError::Conflict(_) => {
            let message = format!("somebody else has learned model {number} of {tenant} meanwhile; it is in force");
            Failure::usage("match.learned-meanwhile", message)
        }
        error => error.into(),
    })?;
    let learned = Learned {
        tenant,
        number,
        records: model.records,
        pairs: model.pairs,
        before: before.number,
        weights: changes(&before, &model),
    };
    if arguments.json {
        output::json(&learned);
    } else {
        tell(&learned);
    }
    Ok(Exit::Done)
}

fn changes(before: &Model, after: &Model) -> Vec<Change> {
    let pairs = before.level_weights().into_iter().zip(after.level_weights());
    let change = |(before, after): (LevelWeight, LevelWeight)| Change {
        after,
        before_against_unrelated: before.against_unrelated,
        before_against_related: before.against_related,
    };
    pairs.map(change).collect()
}

fn tell(learned: &Learned) {
    let Learned { tenant, number, records, pairs, before, weights } = learned;
    let (records_told, pairs) = (counted(*records, "record"), counted(*pairs, "pair"));
    output::line(format!("model {number} of {tenant}, from {records_told} and {pairs}, is in force"));
    let mut table = Table::new(&["", "level", "bits before", "bits now", "change"]);
    let mut unchanged = 0;
    for change in weights {
        let (before, after) = (change.before_against_unrelated, change.after.against_unrelated);
        let difference = after - before;
        if difference.0.unsigned_abs() < CHANGE_MIN.0.unsigned_abs() {
            unchanged += 1;
            continue;
        }
        let kind = match change.after.kind {
            Kind::Company => "company",
            Kind::Person => "person",
        };
        let level = change.after.level;
        table.row([
            kind.to_owned(),
            format!("{} {}", level.thing(), level.word()),
            before.to_string(),
            after.to_string(),
            difference.to_string(),
        ]);
    }
    let shipped = if *before == 0 { "the shipped model" } else { "model" };
    let before = if *before == 0 { shipped.to_owned() } else { format!("{shipped} {before}") };
    output::line(format!("\nagainst strangers, each level by itself, beside {before}:"));
    table.print("no level weighs much more or less");
    if unchanged > 0 && !table.is_empty() {
        output::line(format!("{} changed by less than half a bit", counted(unchanged, "other")));
    }
    output::line(
        "\nwhatever is compared from now on is compared by it; what is linked stays so until one of its records shows \
         something new",
    );
    if *records < RECORDS_FEW {
        output::note(format!("passerelle: from {records_told} little can be learned; learn again when there are more"));
    }
}

/// Lists the models of a hub.
///
/// # Errors
/// When there is no store, or it has a model that this version cannot read.
pub async fn list(arguments: &MatchModels) -> Result<Exit, Failure> {
    let store = store_beside(&arguments.hub).await?;
    let tenant = tenant::meant(&*store, arguments.tenant.as_deref()).await?;
    let mut listed = Vec::new();
    for kept in MatchStore::match_models(&*store, &tenant, arguments.limit).await? {
        let model: Model = serde_json::from_str(&kept.model).map_err(|error| {
            StoreError::Internal(format!("model {} of {tenant} cannot be read: {error}", kept.number))
        })?;
        listed.push(Listed { number: kept.number, at: kept.at, records: model.records, pairs: model.pairs });
    }
    if arguments.json {
        output::json(&listed);
        return Ok(Exit::Done);
    }
    let mut table = Table::new(&["number", "since", "records", "pairs", ""]);
    for (place, model) in listed.iter().enumerate() {
        table.row([
            model.number.to_string(),
            moment(model.at),
            model.records.to_string(),
            model.pairs.to_string(),
            if place == 0 { "in force".to_owned() } else { String::new() },
        ]);
    }
    table.print("nothing was learned yet; the shipped model is in force");
    Ok(Exit::Done)
}

/// Some of all records, drawn evenly: those whose numbers come first in an order that depends on the seed alone.
struct Sample {
    seed: u64,
    count_max: usize,
    drawn: BinaryHeap<Drawn>,
}

/// A record by its place in the draw.
struct Drawn {
    place: u64,
    number: RecordNumber,
    evidence: Evidence,
}

impl PartialEq for Drawn {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Drawn {}

impl PartialOrd for Drawn {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Drawn {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.place, self.number).cmp(&(other.place, other.number))
    }
}

impl Sample {
    fn new(seed: u64, count_max: usize) -> Self {
        Sample { seed, count_max, drawn: BinaryHeap::new() }
    }

    /// Draws a record, if it comes before one that was drawn.
    fn show(&mut self, record: &MatchRecord) -> Result<(), StoreError> {
        let place = place(self.seed, record.number);
        let is_full = self.drawn.len() >= self.count_max;
        if is_full && self.drawn.peek().is_some_and(|last| (last.place, last.number) < (place, record.number)) {
            return Ok(());
        }
        let shown: Evidence = serde_json::from_str(&record.evidence).map_err(|error| {
            StoreError::Internal(format!("what record {} has shown cannot be read: {error}", record.number))
        })?;
        // What is nobody's is not compared, so nothing is learned from it.
        self.drawn.push(Drawn { place, number: record.number, evidence: shown.without(&record.common) });
        if is_full {
            self.drawn.pop();
        }
        Ok(())
    }

    fn into_evidence(self) -> Vec<Evidence> {
        let mut drawn = self.drawn.into_vec();
        drawn.sort_by_key(|drawn| drawn.number);
        drawn.into_iter().map(|drawn| drawn.evidence).collect()
    }
}

/// Where a number stands in the draw: the finalizer of SplitMix64 (Steele, Lea and Flood, 2014), which spreads
/// neighbouring numbers over all places.
fn place(seed: u64, number: RecordNumber) -> u64 {
    let mut mixed = number.wrapping_add(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use canonical::document::Customer;
    use canonical::entity::Entity;
    use master::MasterId;
    use serde_json::json;
    use store::LocalKey;

    use super::*;

    fn record(number: RecordNumber) -> MatchRecord {
        let customer: Customer = serde_json::from_value(json!({"legal_name": format!("Company {number}")})).unwrap();
        let key = format!("C{number}");
        MatchRecord {
            number,
            local: LocalKey { system: "erp".into(), entity: Entity::Customer, key },
            master_id: MasterId(number),
            home: MasterId(number),
            evidence: serde_json::to_string(&Evidence::of(&customer)).unwrap().into(),
            common: Vec::new(),
            links: Vec::new(),
        }
    }

    fn drawn(seed: u64, count_max: usize, numbers: impl Iterator<Item = RecordNumber>) -> Vec<Evidence> {
        let mut sample = Sample::new(seed, count_max);
        numbers.for_each(|number| sample.show(&record(number)).unwrap());
        sample.into_evidence()
    }

    #[test]
    fn a_draw_depends_on_the_seed_and_not_on_the_order() {
        assert_eq!(drawn(1, 10, 1..=4).len(), 4, "all where there are few");
        let once = drawn(1, 10, 1..=200);
        assert_eq!(once.len(), 10);
        assert_eq!(once, drawn(1, 10, (1..=200).rev()));
        assert_ne!(once, drawn(2, 10, 1..=200));
        assert_ne!(once, drawn(1, 10, 1..=10), "not just the first");
    }
}
