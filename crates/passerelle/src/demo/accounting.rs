//! The accounting of the whole demo: the sum of what each command printed.

use std::collections::BTreeMap;

use anyhow::Context;
use serde_json::{Map, Value, json};
use store::RecordOutcome;

use crate::output::{Table, counted};

/// Counts by outcome, of one stream.
type Counts = BTreeMap<String, i64>;

/// Sums by system and stream, and deliveries by system.
#[derive(Debug, Default)]
pub struct Accounting {
    streams: BTreeMap<(String, String), Counts>,
    fed: BTreeMap<String, (u64, u64)>,
}

impl Accounting {
    /// Adds what a command printed.
    ///
    /// # Errors
    /// When it is no accounting.
    pub fn add(&mut self, printed: &Value) -> anyhow::Result<()> {
        let text = |line: &Value, name: &str| line.get(name).and_then(Value::as_str).map(str::to_owned);
        for line in printed.get("streams").and_then(Value::as_array).context("an accounting without streams")? {
            let key = text(line, "system").zip(text(line, "stream")).context("a line without a stream")?;
            let counts = self.streams.entry(key).or_default();
            let ended = line.get("ended").and_then(Value::as_object).into_iter().flatten();
            let read = ["read", "in_flight"].map(|name| (name, line.get(name)));
            let read = read.iter().filter_map(|(name, count)| Some((*name, count.as_ref()?.as_i64()?)));
            let ended = ended.filter_map(|(name, count)| Some((name.as_str(), count.as_i64()?)));
            for (name, count) in read.chain(ended) {
                *counts.entry(name.to_owned()).or_default() += count;
            }
        }
        for line in printed.get("targets").and_then(Value::as_array).context("an accounting without targets")? {
            let fed = self.fed.entry(text(line, "system").context("a target without a system")?).or_default();
            let count = |name: &str| line.get(name).and_then(Value::as_u64).unwrap_or_default();
            *fed = (fed.0 + count("delivered"), fed.1 + count("refused"));
        }
        Ok(())
    }

    /// Whether every record that was read has exactly one outcome, and nothing is on its way.
    pub fn adds_up(&self) -> bool {
        let count = |counts: &Counts, name: &str| counts.get(name).copied().unwrap_or_default();
        self.streams.values().all(|counts| {
            let ended: i64 = RecordOutcome::ALL.iter().map(|outcome| count(counts, outcome.name())).sum();
            count(counts, "read") == ended && count(counts, "in_flight") == 0
        })
    }

    /// How many changes systems took.
    pub fn delivered(&self) -> u64 {
        self.fed.values().map(|(delivered, _)| delivered).sum()
    }

    /// How many records ended in one of these ways.
    pub fn ended(&self, outcomes: &[&str]) -> i64 {
        self.streams.values().flat_map(|counts| outcomes.iter().filter_map(|name| counts.get(*name))).sum()
    }

    /// Counts by `system/stream`, without those that are nothing.
    pub fn to_json(&self) -> Value {
        let streams = self.streams.iter().map(|((system, stream), counts)| {
            let counts = counts.iter().filter(|(_, count)| **count != 0);
            (format!("{system}/{stream}"), json!(counts.collect::<BTreeMap<_, _>>()))
        });
        Value::Object(streams.collect::<Map<_, _>>())
    }

    /// One table per system. Outcomes that no record of the whole demo had are left out.
    pub fn render(&self) -> String {
        let used = |name: &str| self.streams.values().any(|counts| counts.get(name).is_some_and(|count| *count != 0));
        let outcomes: Vec<&'static str> =
            RecordOutcome::ALL.into_iter().map(RecordOutcome::name).filter(|name| used(name)).collect();
        let mut systems: Vec<&String> = self.streams.keys().map(|(system, _)| system).chain(self.fed.keys()).collect();
        systems.sort();
        systems.dedup();
        let blocks: Vec<String> = systems.iter().map(|system| self.render_system(system, &outcomes)).collect();
        blocks.join("\n")
    }

    fn render_system(&self, system: &str, outcomes: &[&'static str]) -> String {
        let mut headers = vec!["stream", "read", "="];
        headers.extend(outcomes);
        let mut table = Table::new(&headers);
        for ((_, stream), counts) in self.streams.iter().filter(|((owner, _), _)| owner == system) {
            let count = |name: &str| counts.get(name).copied().unwrap_or_default();
            let cells = outcomes.iter().map(|name| count(name).to_string());
            table.row([stream.clone(), count("read").to_string(), "=".to_owned()].into_iter().chain(cells));
        }
        let mut lines = vec![system.to_owned()];
        if !table.is_empty() {
            lines.extend(table.render().lines().map(|line| format!("  {line}")));
        }
        if let Some((delivered, refused)) = self.fed.get(system) {
            lines.push(format!("  fed: {} delivered, {refused} refused", counted(*delivered, "change")));
        }
        lines.join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(read: i64, created: i64, delivered: u64) -> Value {
        json!({
            "streams": [{"tenant": "caron", "system": "erp", "stream": "customers", "read": read, "rows": read,
                         "ended": {"created": created}, "in_flight": 0, "adds_up": true}],
            "targets": [{"tenant": "caron", "system": "crm", "delivered": delivered, "refused": 0}],
        })
    }

    #[test]
    fn what_commands_print_is_summed_up() {
        let mut accounting = Accounting::default();
        accounting.add(&printed(3, 3, 2)).unwrap();
        accounting.add(&printed(2, 2, 5)).unwrap();
        assert!(accounting.adds_up());
        assert_eq!(accounting.delivered(), 7);
        assert_eq!(accounting.ended(&["created", "parked"]), 5);
        assert_eq!(accounting.to_json(), json!({"erp/customers": {"read": 5, "created": 5}}));
        accounting.add(&printed(1, 0, 0)).unwrap();
        assert!(!accounting.adds_up());
        assert!(accounting.add(&json!({})).is_err());
    }
}
