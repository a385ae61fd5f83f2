//! The accounting of a run: what was read and how it ended, by system.

use std::collections::BTreeMap;

use serde::Serialize;
use store::{OperateStore, Outcomes, RecordOutcome, StreamKey};

use crate::failure::Failure;
use crate::output::{self, Table, counted};
use crate::session::everything;

/// What a system took and refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Deliveries {
    /// Changes that it took.
    pub delivered: u64,
    /// Changes that it refused.
    pub refused: u64,
}

/// The accounting of all systems, as a sum or a difference.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Accounting {
    streams: BTreeMap<StreamKey, Outcomes>,
    targets: BTreeMap<(String, String), Deliveries>,
}

#[derive(Serialize)]
struct StreamLine<'a> {
    #[serde(flatten)]
    stream: &'a StreamKey,
    #[serde(flatten)]
    outcomes: &'a Outcomes,
    adds_up: bool,
}

#[derive(Serialize)]
struct TargetLine<'a> {
    tenant: &'a str,
    system: &'a str,
    #[serde(flatten)]
    deliveries: Deliveries,
}

/// The accounting for machines.
#[derive(Serialize)]
struct View<'a> {
    streams: Vec<StreamLine<'a>>,
    targets: Vec<TargetLine<'a>>,
}

impl Accounting {
    /// The sums since the store was made.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn take(store: &dyn OperateStore) -> Result<Self, Failure> {
        let streams = store.streams(&everything()).await?.into_iter().map(|status| (status.stream, status.total));
        let targets = store.targets(&everything()).await?.into_iter().map(|status| {
            let deliveries = Deliveries { delivered: status.delivered, refused: status.refused };
            ((status.tenant.to_string(), status.system.to_string()), deliveries)
        });
        Ok(Accounting { streams: streams.collect(), targets: targets.collect() })
    }

    /// What was added since an earlier one.
    #[must_use]
    pub fn since(&self, before: &Accounting) -> Self {
        let mut since = self.clone();
        for (stream, outcomes) in &mut since.streams {
            if let Some(before) = before.streams.get(stream) {
                subtract(outcomes, before);
            }
        }
        for (target, deliveries) in &mut since.targets {
            if let Some(before) = before.targets.get(target) {
                deliveries.delivered = deliveries.delivered.saturating_sub(before.delivered);
                deliveries.refused = deliveries.refused.saturating_sub(before.refused);
            }
        }
        since
    }

    /// Only what a reading of a system, or of one stream of it, has touched: what was read, streams whose waiting
    /// documents found their customer by it, and systems that took or refused something.
    ///
    /// Beside a running hub, systems may have taken other changes at the same time; they count too.
    #[must_use]
    pub fn touched_by(mut self, system: &str, stream: Option<&str>) -> Self {
        self.streams.retain(|key, outcomes| {
            let is_read = &*key.system == system && stream.is_none_or(|stream| *key.stream == *stream);
            // A stream that was read, or had records on their way, moved by itself.
            let is_released = outcomes.read == 0 && outcomes.in_flight == 0;
            is_read || (is_released && outcomes.ended.values().any(|count| *count != 0))
        });
        self.targets.retain(|_, deliveries| *deliveries != Deliveries::default());
        self
    }

    /// Whether something was rejected, set aside or refused.
    pub fn has_trouble(&self) -> bool {
        let troubled = [RecordOutcome::Rejected, RecordOutcome::Parked];
        let records = self.streams.values().any(|outcomes| troubled.iter().any(|outcome| outcomes.get(*outcome) > 0));
        records || self.targets.values().any(|deliveries| deliveries.refused > 0)
    }

    /// Whether every record that was read has exactly one outcome.
    pub fn adds_up(&self) -> bool {
        self.streams.values().all(balances)
    }

    /// Prints one table per system, or JSON.
    pub fn print(&self, json: bool) {
        if json {
            output::json(&self.view());
        } else {
            output::line(self.render());
        }
    }

    fn view(&self) -> View<'_> {
        View {
            streams: self
                .streams
                .iter()
                .map(|(stream, outcomes)| StreamLine { stream, outcomes, adds_up: balances(outcomes) })
                .collect(),
            targets: self
                .targets
                .iter()
                .map(|((tenant, system), deliveries)| TargetLine { tenant, system, deliveries: *deliveries })
                .collect(),
        }
    }

    /// One table per system: what was read from it, and what it was fed.
    fn render(&self) -> String {
        let mut systems: Vec<(&str, &str)> =
            self.streams.keys().map(|stream| (&*stream.tenant, &*stream.system)).collect();
        systems.extend(self.targets.keys().map(|(tenant, system)| (tenant.as_str(), system.as_str())));
        systems.sort_unstable();
        systems.dedup();
        let blocks: Vec<String> = systems.iter().map(|(tenant, system)| self.render_system(tenant, system)).collect();
        if blocks.is_empty() { "no system has been read or fed yet".to_owned() } else { blocks.join("\n\n") }
    }

    fn render_system(&self, tenant: &str, system: &str) -> String {
        let ended = RecordOutcome::ALL.map(RecordOutcome::name);
        let mut table = Table::new(&[&["stream", "read"][..], &ended, &["in flight", ""]].concat());
        let streams = self.streams.iter().filter(|(key, _)| &*key.tenant == tenant && &*key.system == system);
        for (key, outcomes) in streams {
            let counts = RecordOutcome::ALL.into_iter().map(|outcome| outcomes.get(outcome).to_string());
            let check = if balances(outcomes) { "adds up" } else { "DOES NOT ADD UP" };
            let row = [key.stream.to_string(), outcomes.read.to_string()].into_iter().chain(counts);
            table.row(row.chain([outcomes.in_flight.to_string(), check.to_owned()]));
        }
        let mut text = format!("{system} ({tenant})");
        if !table.is_empty() {
            text.push('\n');
            text.push_str(&table.render());
        }
        if let Some(fed) = self.targets.get(&(tenant.to_owned(), system.to_owned())) {
            let delivered = counted(fed.delivered, "change");
            text.push_str(&format!("\nfed: {delivered} delivered, {} refused", fed.refused));
        }
        text
    }
}

/// Whether every record has one outcome. In a difference, each count can be negative: what was on its way, or waited,
/// before a run may have ended in it.
fn balances(outcomes: &Outcomes) -> bool {
    outcomes.read == outcomes.ended.values().sum::<i64>() + outcomes.in_flight
}

fn subtract(outcomes: &mut Outcomes, before: &Outcomes) {
    outcomes.read -= before.read;
    outcomes.rows -= before.rows;
    outcomes.in_flight -= before.in_flight;
    for (outcome, count) in &before.ended {
        outcomes.add(*outcome, -count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(system: &str) -> StreamKey {
        StreamKey { tenant: "acme".into(), system: system.into(), stream: "customers".into() }
    }

    fn outcomes(read: i64, ended: &[(RecordOutcome, i64)]) -> Outcomes {
        Outcomes { read, rows: read, ended: ended.iter().copied().collect(), in_flight: 0 }
    }

    #[test]
    fn a_run_is_the_difference_of_two_sums() {
        let mut before = Accounting::default();
        before.streams.insert(key("erp"), outcomes(5, &[(RecordOutcome::Created, 4), (RecordOutcome::Rejected, 1)]));
        let mut after = Accounting::default();
        after.streams.insert(
            key("erp"),
            outcomes(10, &[(RecordOutcome::Created, 4), (RecordOutcome::Unchanged, 5), (RecordOutcome::Rejected, 1)]),
        );
        after.targets.insert(("acme".into(), "crm".into()), Deliveries { delivered: 2, refused: 0 });
        let run = after.since(&before);
        assert_eq!(run.streams[&key("erp")].get(RecordOutcome::Unchanged), 5);
        assert!(run.adds_up() && !run.has_trouble() && after.has_trouble());
        let text = run.render();
        assert!(text.contains("crm (acme)\nfed: 2 changes delivered, 0 refused"), "{text}");
        assert!(text.lines().any(|line| line.starts_with("customers     5        0        0          5")), "{text}");
    }

    #[test]
    fn a_reading_touches_its_source_what_it_releases_and_who_is_fed() {
        let mut run = Accounting::default();
        let counts = |read, ended: &[(RecordOutcome, i64)], in_flight| Outcomes { in_flight, ..outcomes(read, ended) };
        run.streams.insert(key("erp"), counts(0, &[], 0));
        run.streams.insert(StreamKey { stream: "prices".into(), ..key("erp") }, counts(0, &[], 0));
        run.streams.insert(key("idle"), counts(0, &[(RecordOutcome::Created, 0)], 0));
        run.streams.insert(key("read too"), counts(3, &[(RecordOutcome::Unchanged, 3)], 0));
        run.streams.insert(key("late"), counts(0, &[(RecordOutcome::Created, 2)], -2));
        let released = [(RecordOutcome::Waiting, -1), (RecordOutcome::Created, 1)];
        run.streams.insert(key("billing"), counts(0, &released, 0));
        run.targets.insert(("acme".into(), "crm".into()), Deliveries { delivered: 1, refused: 0 });
        run.targets.insert(("acme".into(), "ledger".into()), Deliveries::default());
        let touched = run.touched_by("erp", Some("customers"));
        let streams: Vec<String> = touched.streams.keys().map(|key| format!("{}/{}", key.system, key.stream)).collect();
        assert_eq!(streams, ["billing/customers", "erp/customers"]);
        assert_eq!(touched.targets.keys().map(|(_, system)| system.as_str()).collect::<Vec<_>>(), ["crm"]);
        assert!(touched.render().contains("fed: 1 change delivered, 0 refused"), "{}", touched.render());
    }

    #[test]
    fn what_was_on_its_way_before_a_run_ends_in_it() {
        let check = |read: i64, created: i64, in_flight: i64, expected: bool| {
            let mut before = Accounting::default();
            let on_its_way = Outcomes { in_flight: 2, ..outcomes(5, &[(RecordOutcome::Created, 3)]) };
            before.streams.insert(key("erp"), on_its_way);
            let mut after = Accounting::default();
            let then = Outcomes { in_flight, ..outcomes(read, &[(RecordOutcome::Created, created)]) };
            after.streams.insert(key("erp"), then);
            assert_eq!(after.since(&before).adds_up(), expected, "{read} read, {created} created");
        };
        check(5, 5, 0, true);
        check(6, 5, 1, true);
        check(6, 5, 0, false);
    }
}
