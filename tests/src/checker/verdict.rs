//! Holding the logs of the subscribers against what the sources showed.

use std::collections::HashMap;
use std::io;
use std::path::Path;

use serde::Serialize;

use super::histories::{Histories, State, state};
use super::log::{Effect, Log};
use super::{KINDS, PARTS_MAX, kind_of};

/// How many findings are told in words.
const FINDINGS_MAX: usize = 20;

/// What the checker found; see the [module](super) for what the figures count.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// Rows of the source files.
    pub read: u64,
    /// Last states that never reached a subscriber.
    pub lost: u64,
    /// Effects and records that are there twice.
    pub duplicated: u64,
    /// Effects that came too late or too early.
    pub reordered: u64,
    /// Subscribers that do not hold what they should.
    pub differing_subscribers: u64,
    /// The first of what is wrong, in words.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<String>,
}

impl Verdict {
    /// Whether something was read and nothing is wrong.
    pub fn is_clean(&self) -> bool {
        let wrong = self.lost + self.duplicated + self.reordered + self.differing_subscribers;
        self.read > 0 && wrong == 0
    }
}

/// Holds the logs of subscribers, as (name, path), against the files of the sources, `SYSTEM/*.csv` in a folder.
///
/// Needs some 450 bytes of memory for each record, whatever the length of the logs.
///
/// # Errors
/// When a file cannot be read, or is not what it should be.
pub fn check(sources: &Path, logs: &[(&str, &Path)]) -> io::Result<Verdict> {
    let histories = Histories::read(sources)?;
    let mut verdict = Verdict { read: histories.read, ..Verdict::default() };
    for (name, log) in logs {
        let mut subscriber = Subscriber::new(name, &histories, &mut verdict);
        for effect in Log::read(log)? {
            subscriber.take(&effect?);
        }
        subscriber.end();
    }
    Ok(verdict)
}

/// What a subscriber holds of one record.
#[derive(Clone, Copy, Default)]
struct Held {
    /// Which of the keys of this subscriber it has; 0 while it was never applied.
    key: u32,
    is_removed: bool,
    /// For each part, the state that it has now.
    states: [State; PARTS_MAX],
    /// For each part, how far in its history the subscriber has come.
    reached: [u32; PARTS_MAX],
    /// The customer that it refers to.
    customer: Option<u32>,
}

struct Subscriber<'c> {
    name: &'c str,
    histories: &'c Histories,
    identities: [Vec<&'c str>; KINDS.len()],
    verdict: &'c mut Verdict,
    /// Numbers of keys, counted from 1.
    keys: [HashMap<Box<str>, u32>; KINDS.len()],
    /// Which customer has which key, by the key's number.
    customers: HashMap<u32, u32>,
    held: [Vec<Held>; KINDS.len()],
    differs: bool,
}

impl<'c> Subscriber<'c> {
    fn new(name: &'c str, histories: &'c Histories, verdict: &'c mut Verdict) -> Self {
        let records = &histories.records;
        Subscriber {
            name,
            histories,
            identities: records.each_ref().map(|records| records.identities()),
            verdict,
            keys: Default::default(),
            customers: HashMap::new(),
            held: records.each_ref().map(|records| vec![Held::default(); records.histories.len()]),
            differs: false,
        }
    }

    fn tell(&mut self, entity: &str, identity: &str, what: &str) {
        if self.verdict.findings.len() < FINDINGS_MAX {
            self.verdict.findings.push(format!("{}: {entity} {identity} {what}", self.name));
        }
    }

    /// Takes the next effect of the log.
    fn take(&mut self, effect: &Effect) {
        let text = |field: &str| effect.fields.get(field).map_or("", String::as_str);
        let Some(kind_number) = kind_of(&effect.entity) else {
            self.differs = true;
            return self.tell(&effect.entity, &effect.key, "is nothing that was fed");
        };
        let kind = &KINDS[kind_number];
        let identity = text(kind.identity);
        let Some(number) = self.histories.records[kind_number].find(identity) else {
            self.differs = true;
            return self.tell(kind.entity, identity, "was shown by nobody");
        };
        let count = u32::try_from(self.keys[kind_number].len()).unwrap_or(u32::MAX);
        let key = *self.keys[kind_number].entry(effect.key.as_str().into()).or_insert(count + 1);
        let customer = kind.customer.as_ref().map(|link| text(link.field));
        let mut next = Held { key, is_removed: effect.removed, ..Held::default() };
        for (next, part) in next.states.iter_mut().zip(kind.parts) {
            *next = state(part.fields.iter().map(|field| text(field)));
        }
        let is_early = customer.is_some_and(|customer| {
            let known = self.keys[0].get(customer).and_then(|key| self.customers.get(key));
            next.customer = known.copied();
            known.is_none()
        });
        if kind.customer.is_none() {
            self.customers.insert(key, number);
        }
        self.compare(kind_number, number, next, is_early, identity);
    }

    /// Compares what a record becomes with what it was, and with its history.
    fn compare(&mut self, kind_number: usize, number: u32, mut next: Held, is_early: bool, identity: &str) {
        let kind = &KINDS[kind_number];
        let last = self.held[kind_number][number as usize];
        if last.key != 0 && last.key != next.key {
            self.verdict.duplicated += 1;
            self.tell(kind.entity, identity, "is there under two keys");
        } else if last.key != 0
            && (last.states, last.customer, last.is_removed) == (next.states, next.customer, next.is_removed)
        {
            self.verdict.duplicated += 1;
            self.tell(kind.entity, identity, "was applied twice");
        }
        if is_early {
            self.verdict.reordered += 1;
            self.tell(kind.entity, identity, "came before its customer");
        }
        next.reached = last.reached;
        let history = &self.histories.records[kind_number].histories[number as usize];
        let mut went_back = false;
        for (part, states) in history.states.iter().enumerate().take(kind.parts.len()) {
            // The earliest that fits: a value that comes back in the history may be either, and so none is skipped.
            let reached = last.reached[part] as usize;
            match states[reached..].iter().position(|state| *state == next.states[part]) {
                Some(ahead) => next.reached[part] = u32::try_from(reached + ahead).unwrap_or(u32::MAX),
                None if states.contains(&next.states[part]) => went_back = true,
                // What nobody ever showed; it differs at the end, unless it is corrected.
                None => self.tell(kind.entity, identity, "has values that nobody showed"),
            }
        }
        if went_back {
            self.verdict.reordered += 1;
            self.tell(kind.entity, identity, "went back to an older state");
        }
        self.held[kind_number][number as usize] = next;
    }

    /// Holds what the subscriber has in the end against what was shown last.
    fn end(mut self) {
        for (kind_number, kind) in KINDS.iter().enumerate() {
            let histories = &self.histories.records[kind_number].histories;
            for (number, history) in histories.iter().enumerate() {
                let (held, identity) = (self.held[kind_number][number], self.identities[kind_number][number]);
                if held.key == 0 || held.is_removed {
                    self.verdict.lost += 1;
                    self.differs = true;
                    self.tell(kind.entity, identity, "is not there");
                    continue;
                }
                let parts = || history.states.iter().enumerate().take(kind.parts.len());
                let is_wrong = |(part, states): (usize, &Vec<State>)| states.last() != Some(&held.states[part]);
                if !parts().any(is_wrong) && held.customer == history.customer {
                    continue;
                }
                self.differs = true;
                self.tell(kind.entity, identity, "does not have the values that were shown last");
                // What was reached once and is gone again came out of order, which was counted when it happened.
                if parts().any(|(part, states)| (held.reached[part] as usize) + 1 < states.len()) {
                    self.verdict.lost += 1;
                }
            }
        }
        self.verdict.differing_subscribers += u64::from(self.differs);
    }
}
