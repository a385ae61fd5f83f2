//! The suite for targets.

use std::collections::BTreeMap;

use async_trait::async_trait;

use super::{Findings, Law, Violation, abandon_after};
use crate::{Fault, Found, Outcome, Reference, Rendered, Target};

/// A system that the suite can write to through a target, and look at from outside.
#[async_trait]
pub trait TargetHarness: Send {
    /// Empties the system.
    async fn reset(&mut self);

    /// Opens the target on the system as it is now, as a restarted hub would.
    ///
    /// # Errors
    /// As [`crate::Connector::open`]; the suite counts it as a violation.
    async fn open(&mut self) -> Result<Box<dyn Target>, Fault>;

    /// A document at a version, in the target's own shape. Documents are numbered from 0, versions from 1;
    /// each pair has content of its own. The suite fills in a local key that the system answered.
    fn change(&self, document: u64, version: u64) -> Rendered;

    /// How a change shows among the effects.
    fn effect(&self, change: &Rendered) -> String;

    /// Everything that the system was made to do since the reset, in order, as seen from outside: every row that a
    /// consumer would take, every state that a resource went through. A call that changes nothing is no effect.
    async fn effects(&mut self) -> Vec<String>;

    /// Makes the target that is opened next die after this many of its own steps, in the middle of `apply`.
    /// Returns whether the harness can do that; if not, the suite only abandons calls.
    fn die_after(&mut self, steps: usize) -> bool {
        let _ = steps;
        false
    }
}

/// Where the suite dies in a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Death {
    BeforeApply,
    /// The call is dropped after it was polled this many times.
    Abandoned(usize),
    /// The target dies by itself after this many steps.
    Inside(usize),
    AfterApply,
}

const DOCUMENTS: u64 = 3;
const VERSIONS: u64 = 3;
/// More steps than a target takes for one call in a harness.
const STEPS_MAX: usize = 400;
const POLLS_MAX: usize = 6;
/// Rounds of look-up and repetition after which an unknown outcome is a violation.
const LOOK_UPS_MAX: usize = 5;

/// Plays the hub on a target: undisturbed, with calls repeated, and with a death at each step of a delivery.
///
/// After a death it does what the hub does: opens again, looks up by reference, and sends in a new batch what was
/// certainly not applied. Returns what went against the contract of [`Target`]; empty when nothing did.
pub async fn check_target(harness: &mut dyn TargetHarness) -> Vec<Violation> {
    let mut findings = Findings::new();
    play(harness, &mut findings, None, 0).await;
    check_repeated_calls(harness, &mut findings).await;
    check_unknown_reference(harness, &mut findings).await;
    let mut deaths = vec![Death::BeforeApply, Death::AfterApply];
    deaths.extend((1..=POLLS_MAX).map(Death::Abandoned));
    for death in deaths {
        for version in 1..=2 {
            findings.story = format!("{death:?} at version {version}");
            play(harness, &mut findings, Some(death), version).await;
        }
    }
    let steps = if harness.die_after(usize::MAX) { STEPS_MAX } else { 0 };
    for version in 1..=2 {
        for death in (0..steps).map(Death::Inside) {
            findings.story = format!("{death:?} at version {version}");
            let died = play(harness, &mut findings, Some(death), version).await;
            // Beyond the last step of a call there is nothing more to die at.
            if died != Some(true) {
                break;
            }
        }
    }
    findings.violations
}

/// What the hub remembers of one play.
#[derive(Default)]
struct Memory {
    keys: BTreeMap<u64, String>,
    batches: usize,
}

impl Memory {
    fn batch(&mut self) -> String {
        self.batches += 1;
        format!("batch-{}", self.batches)
    }

    fn change(&self, harness: &dyn TargetHarness, document: u64, version: u64) -> Rendered {
        let mut change = harness.change(document, version);
        if let Some(key) = self.keys.get(&document) {
            change.reference.local_key = Some(key.clone());
        }
        change
    }

    fn learn(&mut self, document: u64, key: Option<String>) {
        if let Some(key) = key {
            self.keys.insert(document, key);
        }
    }
}

async fn open(harness: &mut dyn TargetHarness, findings: &mut Findings) -> Option<Box<dyn Target>> {
    match harness.open().await {
        Ok(target) => Some(target),
        Err(fault) => {
            findings.add(Law::CallsSucceed, format_args!("open: {fault}"));
            None
        }
    }
}

/// Delivers every version of every document, one batch per version; dies in the batch of `version`.
/// Returns whether the death came in the middle of the call.
async fn play(
    harness: &mut dyn TargetHarness,
    findings: &mut Findings,
    death: Option<Death>,
    version: u64,
) -> Option<bool> {
    harness.reset().await;
    harness.die_after(usize::MAX);
    let mut memory = Memory::default();
    let mut target = open(harness, findings).await?;
    let (mut expected, mut died) = (Vec::new(), false);
    for now in 1..=VERSIONS {
        let changes: Vec<Rendered> = (0..DOCUMENTS).map(|document| memory.change(harness, document, now)).collect();
        expected.extend(changes.iter().map(|change| harness.effect(change)));
        let death = death.filter(|_| now == version);
        let batch = memory.batch();
        if let Some(death) = death {
            (target, died) = die(harness, findings, target, death, &batch, &changes).await?;
            recover(findings, &mut *target, &mut memory, batch, changes, Some(death)).await?;
        } else {
            let unsure = apply(findings, &mut *target, &mut memory, &batch, &changes).await;
            recover(findings, &mut *target, &mut memory, batch, unsure, None).await?;
        }
    }
    judge(harness, findings, expected).await;
    Some(died)
}

/// Makes a call end in a death, and opens again. Returns whether the death came in the middle of the call.
async fn die(
    harness: &mut dyn TargetHarness,
    findings: &mut Findings,
    mut target: Box<dyn Target>,
    death: Death,
    batch: &str,
    changes: &[Rendered],
) -> Option<(Box<dyn Target>, bool)> {
    let mut results = Vec::new();
    match death {
        Death::BeforeApply => {}
        Death::AfterApply => {
            target.apply(batch, changes).await;
        }
        Death::Abandoned(polls) => {
            abandon_after(polls, target.apply(batch, changes)).await;
        }
        Death::Inside(steps) => {
            harness.die_after(steps);
            target = open(harness, findings).await?;
            results = target.apply(batch, changes).await;
            harness.die_after(usize::MAX);
        }
    }
    drop(target);
    let all =
        results.len() == changes.len() && results.iter().all(|result| matches!(result, Ok(Outcome::Applied { .. })));
    Some((open(harness, findings).await?, !all))
}

/// Sends changes; returns those whose outcome is not known.
async fn apply(
    findings: &mut Findings,
    target: &mut dyn Target,
    memory: &mut Memory,
    batch: &str,
    changes: &[Rendered],
) -> Vec<Rendered> {
    let results = target.apply(batch, changes).await;
    if results.len() != changes.len() {
        let counts = (results.len(), changes.len());
        findings.add(Law::OneResultEach, format_args!("apply gave {} results for {} changes", counts.0, counts.1));
    }
    let mut unsure = Vec::new();
    for (change, result) in changes.iter().zip(results) {
        match result {
            Ok(Outcome::Applied { local_key, .. }) => memory.learn(document_of(changes, change), local_key),
            Ok(Outcome::Unknown) => unsure.push(change.clone()),
            Ok(Outcome::Rejected(reject)) => {
                findings.add(Law::CallsSucceed, format_args!("apply refused {}: {}", reject.code, reject.reason));
            }
            Err(fault) => findings.add(Law::CallsSucceed, format_args!("apply: {fault}")),
        }
    }
    unsure
}

/// The position of a change in its batch is the number of its document.
fn document_of(changes: &[Rendered], change: &Rendered) -> u64 {
    changes.iter().position(|other| other.reference == change.reference).unwrap_or(0) as u64
}

/// Looks up what is not known, and sends again what was certainly not applied, in a batch of its own.
async fn recover(
    findings: &mut Findings,
    target: &mut dyn Target,
    memory: &mut Memory,
    mut batch: String,
    mut unsure: Vec<Rendered>,
    death: Option<Death>,
) -> Option<()> {
    let all = unsure.clone();
    for _ in 0..LOOK_UPS_MAX {
        if unsure.is_empty() {
            return Some(());
        }
        let references: Vec<Reference> = unsure.iter().map(|change| change.reference.clone()).collect();
        let found = target.find(&batch, &references).await;
        if found.len() != references.len() {
            findings
                .add(Law::OneResultEach, format_args!("find gave {} results for {}", found.len(), references.len()));
            return None;
        }
        let mut again = Vec::new();
        for (mut change, found) in unsure.into_iter().zip(found) {
            let document = document_of_master(&all, &change);
            match found {
                Ok(Found::Applied { local_key, .. }) => {
                    if death == Some(Death::BeforeApply) {
                        findings.add(Law::LookUpTells, "find says applied of a change that was never sent");
                    }
                    memory.learn(document, local_key);
                }
                Ok(Found::NotApplied { local_key }) => {
                    if death == Some(Death::AfterApply) {
                        findings.add(Law::LookUpTells, "find says not applied of a change that was applied");
                    }
                    memory.learn(document, local_key.clone());
                    change.reference.local_key = local_key.or(change.reference.local_key);
                    again.push(change);
                }
                Ok(Found::CannotTell) => findings.add(Law::LookUpTells, "find cannot tell; the suite needs a look-up"),
                Err(fault) => findings.add(Law::CallsSucceed, format_args!("find: {fault}")),
            }
        }
        batch = memory.batch();
        unsure = apply(findings, target, memory, &batch, &again).await;
    }
    findings.add(Law::LookUpTells, "the outcome stays unknown however often it is looked up");
    None
}

fn document_of_master(changes: &[Rendered], change: &Rendered) -> u64 {
    let master = &change.reference.master_id;
    changes.iter().position(|other| other.reference.master_id == *master).unwrap_or(0) as u64
}

/// Calls with one batch id and the same changes, on one target and on one that was opened again.
async fn check_repeated_calls(harness: &mut dyn TargetHarness, findings: &mut Findings) -> Option<()> {
    findings.story = "the same call three times".to_owned();
    harness.reset().await;
    let memory = Memory::default();
    let changes: Vec<Rendered> = (0..DOCUMENTS).map(|document| memory.change(harness, document, 1)).collect();
    let mut target = open(harness, findings).await?;
    target.apply("batch-1", &changes).await;
    target.apply("batch-1", &changes).await;
    drop(target);
    let mut target = open(harness, findings).await?;
    target.apply("batch-1", &changes).await;
    let expected = changes.iter().map(|change| harness.effect(change)).collect();
    judge(harness, findings, expected).await;
    Some(())
}

/// A reference that was never sent is not there.
async fn check_unknown_reference(harness: &mut dyn TargetHarness, findings: &mut Findings) -> Option<()> {
    findings.story = "a reference that was never sent".to_owned();
    harness.reset().await;
    let mut target = open(harness, findings).await?;
    let changes: Vec<Rendered> = (0..2).map(|document| harness.change(document, 1)).collect();
    target.apply("batch-1", &changes[..1]).await;
    let references: Vec<Reference> = changes.iter().map(|change| change.reference.clone()).collect();
    let found = target.find("batch-1", &references).await;
    if !matches!(found.as_slice(), [Ok(Found::Applied { .. }), Ok(Found::NotApplied { .. })]) {
        findings.add(Law::LookUpTells, "find confuses a change that was sent with one that was not");
    }
    Some(())
}

/// Holds the system's effects against what was delivered: each once, and each document's in order of its versions.
async fn judge(harness: &mut dyn TargetHarness, findings: &mut Findings, expected: Vec<String>) {
    let effects = harness.effects().await;
    for effect in &expected {
        match effects.iter().filter(|other| *other == effect).count() {
            0 => findings.add(Law::NothingLost, format_args!("{effect} never took effect")),
            1 => {}
            count => findings.add(Law::NothingTwice, format_args!("{effect} took effect {count} times")),
        }
    }
    for effect in effects.iter().filter(|effect| !expected.contains(effect)) {
        findings.add(Law::NothingInvented, format_args!("{effect} was never asked for"));
    }
    let documents = usize::try_from(DOCUMENTS).unwrap_or(usize::MAX);
    for document in 0..documents {
        let story: Vec<_> = expected.iter().skip(document).step_by(documents).collect();
        let positions: Vec<_> =
            story.iter().filter_map(|effect| effects.iter().position(|other| other == *effect)).collect();
        if !positions.is_sorted() {
            findings.add(Law::OrderIsKept, format_args!("document {document} went back to an older version"));
        }
    }
}
