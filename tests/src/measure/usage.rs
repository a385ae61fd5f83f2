//! What processes take of the machine, as Linux counts it under `/proc`.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use serde_json::{Value, json};

/// The unit of processor times in `/proc`, the same on every Linux: `USER_HZ`.
const TICK: Duration = Duration::from_millis(10);

/// Who takes processor time in a measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// The hub: its worker processes, or this process where the hub runs in it.
    Hub,
    /// PostgreSQL with all its processes.
    Store,
    /// RabbitMQ with all its processes.
    Broker,
}

const PARTS: [Part; 3] = [Part::Hub, Part::Store, Part::Broker];

impl Part {
    fn name(self) -> &'static str {
        match self {
            Part::Hub => "hub",
            Part::Store => "postgresql",
            Part::Broker => "rabbitmq",
        }
    }
}

/// Processor time that was taken so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Usage(BTreeMap<Part, Duration>);

impl Usage {
    /// What this process and those that it started took so far.
    ///
    /// This process is the hub, unless `worker` processes are: then what it takes itself counts for nobody.
    pub fn of_all() -> Self {
        Self::add_up(&processes(), std::process::id(), None)
    }

    /// The same where hubs are processes of their own, by their ids.
    pub fn of_workers(workers: &[u32]) -> Self {
        Self::add_up(&processes(), std::process::id(), Some(workers))
    }

    fn add_up(processes: &BTreeMap<u32, Process>, own: u32, workers: Option<&[u32]>) -> Self {
        let mut usage = Usage::default();
        for (id, process) in processes {
            let part = match (&*process.name, workers) {
                _ if *id == own && workers.is_none() => Part::Hub,
                _ if workers.is_some_and(|workers| workers.contains(id)) => Part::Hub,
                _ if *id == own || !process.descends_from(own, processes) => continue,
                ("postgres", _) => Part::Store,
                // Everything else that a measurement starts is of RabbitMQ: Erlang and its helpers.
                (name, _) if name.starts_with("beam") || name.starts_with("erl") || name == "inet_gethost" => {
                    Part::Broker
                }
                _ => continue,
            };
            *usage.0.entry(part).or_default() += process.time(*id == own);
        }
        usage
    }

    /// What one of them took since an earlier look.
    pub fn of_since(&self, part: Part, before: &Usage) -> Duration {
        let of = |usage: &Usage| usage.0.get(&part).copied().unwrap_or_default();
        of(self).saturating_sub(of(before))
    }

    /// What all of them together took since an earlier look.
    ///
    /// On a machine that is busy with other things, this says more of two programs than how long they took.
    pub fn all_since(&self, before: &Usage) -> Duration {
        PARTS.iter().map(|part| self.of_since(*part, before)).sum()
    }

    /// What each took since an earlier look: seconds of processor time, and its share of all processors in that time.
    pub fn since(&self, before: &Usage, wall: Duration) -> Value {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let all = wall.as_secs_f64() * processors as f64;
        let told = PARTS.map(|part| {
            let time = self.of_since(part, before);
            let percent = if all > 0.0 { time.as_secs_f64() / all * 100.0 } else { 0.0 };
            (part.name().to_owned(), json!({"seconds": super::seconds(time), "percent": super::rounded(percent)}))
        });
        let of: serde_json::Map<String, Value> = told.into_iter().collect();
        json!({"processors": processors, "seconds": super::seconds(self.all_since(before)), "of": of})
    }
}

/// A process as `/proc/ID/stat` has it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Process {
    name: String,
    parent: u32,
    own: Duration,
    /// Of children that ended.
    children: Duration,
}

impl Process {
    /// Reads the line; its second field is a name in brackets that may hold anything.
    fn read(line: &str) -> Option<Self> {
        let (before, after) = line.rsplit_once(')')?;
        let name = before.split_once('(')?.1.to_owned();
        let fields: Vec<&str> = after.split_whitespace().collect();
        // proc(5) counts from 1; the first field here is its third.
        let ticks = |field: usize| fields.get(field - 3)?.parse::<u32>().ok();
        Some(Process {
            name,
            parent: ticks(4)?,
            own: TICK * ticks(14)? + TICK * ticks(15)?,
            children: TICK * ticks(16)? + TICK * ticks(17)?,
        })
    }

    fn time(&self, is_alone: bool) -> Duration {
        if is_alone { self.own } else { self.own + self.children }
    }

    fn descends_from(&self, ancestor: u32, all: &BTreeMap<u32, Process>) -> bool {
        let mut parent = self.parent;
        // Bounded, because processes come and go while the table is read.
        for _ in 0..32 {
            if parent == ancestor {
                return true;
            }
            match all.get(&parent) {
                Some(process) => parent = process.parent,
                None => return false,
            }
        }
        false
    }
}

fn processes() -> BTreeMap<u32, Process> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let ids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    ids.filter_map(|id| Some((id, Process::read(&fs::read_to_string(format!("/proc/{id}/stat")).ok()?)?))).collect()
}

/// The memory of a process, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// What is resident now.
    pub now: u64,
    /// The most that was resident since the start of the process, or since [`reset_peak`].
    pub peak: u64,
}

/// The memory of a process; nothing when there is no such process.
pub fn memory(process: u32) -> Memory {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let of = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
        line.split_whitespace().next().and_then(|number| number.parse::<u64>().ok()).unwrap_or(0) * 1024
    };
    Memory { now: of("VmRSS:"), peak: of("VmHWM:") }
}

/// Forgets the most memory that a process had so far. Without the right to do so, the peak stays that of its whole life.
pub fn reset_peak(process: u32) {
    let _ = fs::write(format!("/proc/{process}/clear_refs"), "5");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_a_process_is_read_whatever_its_name_is() {
        let line = "77 (a) b (c)) S 12 77 77 0 -1 4194560 1 0 0 0 150 50 7 3 20 0 1 0 1 1 1";
        let process = Process::read(line).unwrap();
        assert_eq!((process.name.as_str(), process.parent), ("a) b (c)", 12));
        assert_eq!((process.own, process.children), (Duration::from_secs(2), Duration::from_millis(100)));
        assert_eq!(Process::read("77 (a) S"), None);
    }

    #[test]
    fn each_process_counts_for_one_part() {
        let process = |name: &str, parent: u32, seconds: u64| Process {
            name: name.to_owned(),
            parent,
            own: Duration::from_secs(seconds),
            children: Duration::from_secs(100),
        };
        let processes = BTreeMap::from([
            (1, process("init", 0, 1)),
            (2, process("bench", 1, 2)),
            (3, process("postgres", 2, 4)),
            (4, process("postgres", 3, 8)),
            (5, process("beam.smp", 2, 16)),
            (6, process("passerelle", 2, 32)),
            (7, process("postgres", 1, 64)),
        ]);
        let check = |workers: Option<&[u32]>, expected: [u64; 3]| {
            let usage = Usage::add_up(&processes, 2, workers);
            let of = |part| usage.of_since(part, &Usage::default()).as_secs();
            assert_eq!([of(Part::Hub), of(Part::Store), of(Part::Broker)], expected, "{workers:?}");
        };
        // Of this process itself, children that ended count for nobody: they were others' programs.
        check(None, [2, 212, 116]);
        check(Some(&[6]), [132, 212, 116]);
    }

    #[test]
    fn this_process_has_memory() {
        let memory = memory(std::process::id());
        assert!(memory.now > 0 && memory.peak >= memory.now, "{memory:?}");
        assert_eq!(super::memory(u32::MAX), Memory::default());
    }
}
