//! Which faults there are, and in which order. Pure.

use fastrand::Rng;

/// How often each class of faults comes at least.
pub const CLASS_COUNT_MIN: usize = 3;

/// A kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// `kill -9` for a worker, or for all, which are started again after a while.
    KillWorker,
    /// A worker, or all, are asked to stop, and started again.
    RestartWorker,
    /// A worker is suspended for longer than its lease, and then goes on.
    SuspendWorker,
    /// Connections to the broker are cut, refused, or fall silent.
    CutBroker,
    /// Connections to the store are cut, refused, or fall silent.
    CutStore,
    /// PostgreSQL is stopped and started again.
    RestartStore,
    /// `kill -9` for PostgreSQL, which is started again.
    KillStore,
    /// All nodes of the broker are stopped, or killed, and started again.
    RestartBroker,
    /// `kill -9` for the node of the broker that leads a queue; it is started again.
    KillLeader,
    /// A node of the broker has no memory left, for a while.
    MemoryAlarm,
}

/// Faults that happen one after the other, because they have the same victim; lanes run side by side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lane {
    Workers,
    Connections,
    Store,
    Broker,
}

/// The number of lanes.
pub(super) const LANES: usize = 4;

impl Class {
    /// All of them.
    pub const ALL: [Class; 10] = [
        Class::KillWorker,
        Class::RestartWorker,
        Class::SuspendWorker,
        Class::CutBroker,
        Class::CutStore,
        Class::RestartStore,
        Class::KillStore,
        Class::RestartBroker,
        Class::KillLeader,
        Class::MemoryAlarm,
    ];

    /// Its public name.
    pub fn name(self) -> &'static str {
        match self {
            Class::KillWorker => "kill-worker",
            Class::RestartWorker => "restart-worker",
            Class::SuspendWorker => "suspend-worker",
            Class::CutBroker => "cut-broker",
            Class::CutStore => "cut-store",
            Class::RestartStore => "restart-store",
            Class::KillStore => "kill-store",
            Class::RestartBroker => "restart-broker",
            Class::KillLeader => "kill-leader",
            Class::MemoryAlarm => "memory-alarm",
        }
    }

    pub(super) fn lane(self) -> Lane {
        match self {
            Class::KillWorker | Class::RestartWorker | Class::SuspendWorker => Lane::Workers,
            Class::CutBroker | Class::CutStore => Lane::Connections,
            Class::RestartStore | Class::KillStore => Lane::Store,
            Class::RestartBroker | Class::KillLeader | Class::MemoryAlarm => Lane::Broker,
        }
    }

    /// How often it is chosen beside the others: what a cluster of three nodes takes to start again would be most of
    /// the time otherwise.
    fn weight(self) -> usize {
        match self.lane() {
            Lane::Workers | Lane::Connections => 3,
            Lane::Store => 2,
            Lane::Broker => 1,
        }
    }
}

/// The fewest faults of a run that has any.
pub fn minimum() -> usize {
    Class::ALL.len() * CLASS_COUNT_MIN
}

/// The faults of a run by lane, each with a seed of its own.
pub(super) struct Plan {
    lanes: [Vec<(Class, u64)>; LANES],
}

impl Plan {
    /// The faults of a seed; none for 0, else at least [`minimum`].
    pub fn new(seed: u64, faults: usize) -> Self {
        let mut random = Rng::with_seed(seed);
        let count = if faults == 0 { 0 } else { faults.max(minimum()) };
        let mut classes: Vec<Class> = Class::ALL.iter().flat_map(|class| [*class; CLASS_COUNT_MIN]).collect();
        classes.truncate(count);
        let total: usize = Class::ALL.iter().map(|class| class.weight()).sum();
        while classes.len() < count {
            let mut left = random.usize(..total);
            let chosen = Class::ALL.into_iter().find(|class| {
                let is_it = left < class.weight();
                left = left.saturating_sub(class.weight());
                is_it
            });
            classes.extend(chosen);
        }
        random.shuffle(&mut classes);
        let mut lanes: [Vec<(Class, u64)>; LANES] = Default::default();
        for class in classes {
            lanes[class.lane() as usize].push((class, random.u64(..)));
        }
        Plan { lanes }
    }

    /// The faults of a lane, in order.
    pub fn of(&self, lane: Lane) -> &[(Class, u64)] {
        &self.lanes[lane as usize]
    }

    /// How many faults each lane has.
    pub fn counts(&self) -> [usize; LANES] {
        self.lanes.each_ref().map(Vec::len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(seed: u64, faults: usize) -> Vec<Class> {
        let plan = Plan::new(seed, faults);
        plan.lanes.iter().flatten().map(|(class, _)| *class).collect()
    }

    #[test]
    fn every_class_is_there_often_enough_and_the_number_is_kept() {
        for (faults, expected) in [(0, 0), (1, 30), (30, 30), (31, 31), (500, 500)] {
            for seed in 0..20 {
                let classes = chosen(seed, faults);
                assert_eq!(classes.len(), expected);
                for class in Class::ALL {
                    let count = classes.iter().filter(|other| **other == class).count();
                    assert!(
                        faults == 0 || count >= CLASS_COUNT_MIN,
                        "{class:?} {count} times of {faults}, seed {seed}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_seed_gives_the_same_faults() {
        assert_eq!(Plan::new(3, 100).lanes, Plan::new(3, 100).lanes);
        assert_ne!(Plan::new(3, 100).lanes, Plan::new(4, 100).lanes);
    }
}
