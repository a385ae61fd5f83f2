//! What is known of the bus that belongs to a store: which one it is, and how many partitions it has.
//!
//! All of it is one small value that changes by [steps](InstallationStep). What a step does is decided here, for every
//! engine alike; an engine makes it one transaction.

use std::collections::BTreeSet;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::StoreError;

/// What is known of the bus of a store.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Installation {
    /// Which bus it is; `None` before the first hub started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bus: Option<BusMark>,
    /// How observations are spread; `None` before the first hub started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partitions: Option<Partitions>,
}

/// What the bus carries, so that another one, or one that lost everything, is recognised.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BusMark {
    /// The mark: letters, digits and hyphens.
    pub mark: String,
    /// Whether the bus was given it. Until then any bus is taken.
    pub is_set: bool,
}

/// How many partitions the observed bus has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Partitions {
    /// The number that counts, whatever a worker has in its configuration.
    pub in_force: u32,
    /// The number before, as long as queues of it may be left over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub former: Option<u32>,
    /// A change that is under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<PartitionChange>,
    /// The number of the latest change.
    #[serde(default)]
    pub changes: u64,
    /// How often another number came into force: where a record went before that does not matter after it.
    #[serde(default)]
    pub switches: u32,
}

/// No bus has more partitions.
pub const PARTITIONS_MAX: u32 = 65_535;

/// A change of the number of partitions: reading waits until everything that was published is resolved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartitionChange {
    /// Its own number.
    pub number: u64,
    /// How many partitions there are to be.
    pub wanted: u32,
    /// Whether nobody publishes observations any more.
    pub is_closed: bool,
    /// Partitions whose observations are all resolved.
    #[serde(default)]
    pub drained: BTreeSet<u32>,
}

/// One step of what is known of a bus. A step that does not fit what is there, because somebody else came first, changes
/// nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InstallationStep {
    /// A hub starts: the first one chooses the mark and the number of partitions.
    Begin {
        /// A mark that no bus has.
        fresh_mark: String,
        /// The number of partitions in its configuration.
        configured: u32,
    },
    /// The bus carries this mark now.
    Marked {
        /// The mark.
        mark: String,
    },
    /// The bus is lost, and another one takes its place.
    Replace {
        /// A mark that no bus has.
        fresh_mark: String,
    },
    /// A worker that starts wants another number of partitions. The latest wish counts.
    Want {
        /// How many.
        wanted: u32,
    },
    /// Reading has ended everywhere. It changes nothing as long as somebody has a lease of this kind; if nobody has,
    /// those who ever had one are fenced off.
    Close {
        /// The number of the change.
        change: u64,
        /// The kind of the work that reads.
        kind: String,
    },
    /// Everything that was published to a partition is resolved.
    Drained {
        /// The number of the change.
        change: u64,
        /// The partition.
        partition: u32,
    },
    /// Every partition is drained, and the new queues are there: from now on the number that was wanted is in force.
    Switch {
        /// The number of the change.
        change: u64,
    },
    /// The queues of the former number are gone.
    FormerGone,
}

impl Installation {
    /// What it is after a step. The engine looks at the leases that [`Close`](InstallationStep::Close) asks for.
    pub fn after(mut self, step: &InstallationStep) -> Self {
        match step {
            InstallationStep::Begin { fresh_mark, configured } => {
                self.bus.get_or_insert_with(|| BusMark { mark: fresh_mark.clone(), is_set: false });
                self.partitions.get_or_insert_with(|| Partitions::of(*configured));
            }
            InstallationStep::Marked { mark } => {
                self.bus.iter_mut().filter(|bus| bus.mark == *mark).for_each(|bus| bus.is_set = true);
            }
            InstallationStep::Replace { fresh_mark } => {
                self.bus = Some(BusMark { mark: fresh_mark.clone(), is_set: false });
                // Nothing of what was to be drained is there any more, and no queue of an earlier number.
                self.partitions = self.partitions.map(Partitions::on_a_new_bus);
            }
            of_partitions => self.partitions = self.partitions.map(|partitions| partitions.after(of_partitions)),
        }
        self
    }
}

impl Partitions {
    fn of(configured: u32) -> Self {
        Partitions {
            in_force: configured.clamp(1, PARTITIONS_MAX),
            former: None,
            change: None,
            changes: 0,
            switches: 0,
        }
    }

    fn on_a_new_bus(self) -> Self {
        Partitions { former: None, change: None, ..self }
    }

    /// How many partitions may have messages.
    pub fn count(&self) -> u32 {
        self.former.unwrap_or_default().max(self.in_force)
    }

    fn after(mut self, step: &InstallationStep) -> Self {
        match step {
            InstallationStep::Want { wanted } => self.want((*wanted).clamp(1, PARTITIONS_MAX)),
            InstallationStep::Close { change, .. } => self.of_change(*change, |change| change.is_closed = true),
            InstallationStep::Drained { change, partition } => self.of_change(*change, |change| {
                change.drained.insert(*partition);
            }),
            InstallationStep::Switch { change } => self.switch(*change),
            InstallationStep::FormerGone => self.former = None,
            _ => {}
        }
        self
    }

    fn want(&mut self, wanted: u32) {
        match &mut self.change {
            Some(change) if !change.is_closed && wanted == self.in_force => self.change = None,
            // What is drained for one number is drained for any.
            Some(change) => change.wanted = wanted,
            None if wanted == self.in_force => {}
            None => {
                self.changes += 1;
                let number = self.changes;
                self.change = Some(PartitionChange { number, wanted, is_closed: false, drained: BTreeSet::new() });
            }
        }
    }

    fn of_change(&mut self, number: u64, act: impl FnOnce(&mut PartitionChange)) {
        if let Some(change) = self.change.as_mut().filter(|change| change.number == number) {
            act(change);
        }
    }

    fn switch(&mut self, number: u64) {
        let count = self.count();
        let is_over =
            |change: &PartitionChange| change.number == number && (0..count).all(|one| change.drained.contains(&one));
        let Some(change) = self.change.take_if(|change| is_over(change)) else { return };
        // Queues of the wanted number itself are no leftovers.
        self.former = Some(count).filter(|count| *count > change.wanted);
        self.in_force = change.wanted;
        self.switches = self.switches.wrapping_add(1);
    }
}

/// What is known of the bus of a store.
#[async_trait]
pub trait InstallationStore: Send + Sync {
    /// What is known; nothing before the first hub started.
    async fn installation(&self) -> Result<Installation, StoreError>;

    /// Takes one step, in one transaction; returns what is known after it.
    async fn take_step(&self, step: &InstallationStep) -> Result<Installation, StoreError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes steps of a hub with four partitions; tells the number in force, the former one, and the one that is wanted.
    #[track_caller]
    fn check(steps: &[InstallationStep], expected: (u32, Option<u32>, Option<u32>)) {
        let begun = InstallationStep::Begin { fresh_mark: "a".to_owned(), configured: 4 };
        let after = steps.iter().fold(Installation::default().after(&begun), Installation::after);
        let partitions = after.partitions.expect("partitions");
        let wanted = partitions.change.map(|change| change.wanted);
        assert_eq!((partitions.in_force, partitions.former, wanted), expected, "{steps:?}");
    }

    #[test]
    fn the_number_in_force_changes_when_every_partition_is_drained() {
        use InstallationStep::{Close, Drained, FormerGone, Switch, Want};
        let close = |change| Close { change, kind: "collect".to_owned() };
        let drained = |change| move |partition| Drained { change, partition };
        let all = |change, wanted| {
            let ended = (0..4).map(drained(change)).chain([Switch { change }]);
            [Want { wanted }, close(change)].into_iter().chain(ended).collect::<Vec<_>>()
        };
        check(&[], (4, None, None));
        check(&[Want { wanted: 4 }], (4, None, None));
        check(&[Want { wanted: 2 }], (4, None, Some(2)));
        check(&[Want { wanted: 0 }], (4, None, Some(1)));
        // Nobody has begun, and the wish is taken back.
        check(&[Want { wanted: 2 }, Want { wanted: 4 }], (4, None, None));
        check(&[Want { wanted: 2 }, close(1), Want { wanted: 4 }], (4, None, Some(4)));
        check(&all(1, 2), (2, Some(4), None));
        check(&all(1, 8), (8, None, None));
        check(&[all(1, 2), vec![FormerGone]].concat(), (2, None, None));
        // One is missing, or is of another change.
        let mut missing = all(1, 2);
        missing.remove(3);
        check(&missing, (4, None, Some(2)));
        let mut strange = all(1, 2);
        strange[3] = drained(7)(1);
        check(&strange, (4, None, Some(2)));
        // Queues of a former number are drained as well.
        let again = [all(1, 2), vec![Want { wanted: 8 }, close(2), drained(2)(0), drained(2)(1), Switch { change: 2 }]];
        check(&again.concat(), (2, Some(4), Some(8)));
        // A bus that was lost has nothing to drain.
        let lost = [Want { wanted: 8 }, InstallationStep::Replace { fresh_mark: "b".to_owned() }];
        check(&lost, (4, None, None));
    }

    #[test]
    fn the_first_hub_chooses_the_mark_and_a_lost_bus_gets_another() {
        let begin = |mark: &str| InstallationStep::Begin { fresh_mark: mark.to_owned(), configured: 4 };
        let marked = |mark: &str| InstallationStep::Marked { mark: mark.to_owned() };
        let replace = InstallationStep::Replace { fresh_mark: "c".to_owned() };
        let check = |steps: &[InstallationStep], mark: &str, is_set| {
            let after = steps.iter().fold(Installation::default(), Installation::after);
            assert_eq!(after.bus, Some(BusMark { mark: mark.to_owned(), is_set }), "{steps:?}");
        };
        check(&[begin("a"), begin("b")], "a", false);
        check(&[begin("a"), marked("b")], "a", false);
        check(&[begin("a"), marked("a"), begin("b")], "a", true);
        check(&[begin("a"), marked("a"), replace], "c", false);
    }
}
