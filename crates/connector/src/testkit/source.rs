//! The suite for sources.

use std::collections::BTreeMap;

use async_trait::async_trait;
use canonical::record::Record;

use super::{Findings, Law, Violation, abandon_after};
use crate::{Batch, Checkpoint, DropLabel, Fault, Item, Source};

/// A system that the suite can fill and read through a source.
///
/// The content should make at least three batches, and more than one drop where the system knows drops.
#[async_trait]
pub trait SourceHarness: Send {
    /// Puts the system back into its first state: full of records of which none was read or acknowledged.
    async fn reset(&mut self);

    /// Opens the stream on the system as it is now, as a restarted hub would.
    ///
    /// # Errors
    /// As [`crate::Connector::open`]; the suite counts it as a violation.
    async fn open(&mut self) -> Result<Box<dyn Source>, Fault>;

    /// The identities of the records that the system holds after a reset, and of what it must reject, in its order.
    fn expected(&self) -> Vec<String>;

    /// What tells a record apart: its key, and enough of its content that a part of a group is not taken for the whole.
    fn identity(&self, record: &Record) -> String;

    /// What tells a reject apart; its code unless the harness knows better.
    fn reject_identity(&self, reject: &crate::Reject) -> String {
        reject.code.to_owned()
    }

    /// Whether a later drop may give a record again that an earlier one gave (polling runs do, files do not).
    fn reads_again(&self) -> bool {
        false
    }

    /// Looks at the system after everything was read and acknowledged; returns what is not as it should be
    /// (a file that was not archived), or `None`.
    async fn leftover(&mut self) -> Option<String> {
        None
    }
}

/// Where the suite dies in a round of read, save and commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Death {
    BeforeRead,
    DuringRead,
    AfterRead,
    AfterSave,
    AfterSaveThenReadFirst,
    DuringCommit,
    AfterCommit,
}

const DEATHS: [Death; 7] = [
    Death::BeforeRead,
    Death::DuringRead,
    Death::AfterRead,
    Death::AfterSave,
    Death::AfterSaveThenReadFirst,
    Death::DuringCommit,
    Death::AfterCommit,
];

/// More rounds than any harness needs: a source that never says `None` is endless.
const ROUNDS_MAX: usize = 2_000;
/// Deaths are tried in at most this many rounds, the first ones.
const ROUNDS_WITH_DEATH_MAX: usize = 25;
const CHECKPOINT_BYTES_MAX: usize = 64 * 1024;

/// Plays the hub on a source: undisturbed, with a death at every step of every round, and with a death in each round.
///
/// Returns what went against the contract of [`Source`]; empty when nothing did.
pub async fn check_source(harness: &mut dyn SourceHarness) -> Vec<Violation> {
    let mut findings = Findings::new();
    let Some(undisturbed) = play(harness, &mut findings, &|_| None).await else { return findings.violations };
    if undisturbed.rounds < 3 {
        findings.add(Law::CallsSucceed, "the harness gives fewer than three batches: too few steps to die at");
    }
    for round in 0..undisturbed.rounds.min(ROUNDS_WITH_DEATH_MAX) {
        for death in DEATHS {
            findings.story = format!("death in round {round}: {death:?}");
            play(harness, &mut findings, &|now| (now == round).then_some(death)).await;
        }
    }
    for death in DEATHS {
        findings.story = format!("death in every round: {death:?}");
        play(harness, &mut findings, &|_| Some(death)).await;
    }
    findings.story = "skip".to_owned();
    check_skip(harness, &mut findings, undisturbed.first_drop).await;
    findings.violations
}

/// What the hub remembers of one play.
#[derive(Default)]
struct Memory {
    /// What was saved, in order: the drop's number and the identity.
    saved: Vec<(usize, String)>,
    /// The identity found at every place (drop number, ordinal), saved or not.
    places: BTreeMap<(usize, u64), (String, Option<u64>)>,
    drop: usize,
    label: Option<DropLabel>,
    rounds: usize,
    first_drop: Vec<String>,
}

async fn open(harness: &mut dyn SourceHarness, findings: &mut Findings) -> Option<Box<dyn Source>> {
    match harness.open().await {
        Ok(source) => Some(source),
        Err(fault) => {
            findings.add(Law::CallsSucceed, format_args!("open: {fault}"));
            None
        }
    }
}

async fn play(
    harness: &mut dyn SourceHarness,
    findings: &mut Findings,
    death: &(dyn Fn(usize) -> Option<Death> + Sync),
) -> Option<Memory> {
    harness.reset().await;
    let mut memory = Memory::default();
    let mut durable: Option<Checkpoint> = None;
    let mut source = open(harness, findings).await?;
    let mut died = false;
    loop {
        let death = death(memory.rounds);
        if death == Some(Death::BeforeRead) {
            source = restart(harness, findings, durable.as_ref()).await?;
        }
        if death == Some(Death::DuringRead) {
            // A call that was abandoned half-way leaves nothing behind, whatever it had done.
            abandon_after(1, source.read(durable.as_ref())).await;
            source = restart(harness, findings, durable.as_ref()).await?;
        }
        let Some(mut batch) = read(&mut *source, durable.as_ref(), findings).await? else { break };
        memory.look(harness, &batch, findings);
        if death == Some(Death::AfterRead) {
            source = restart(harness, findings, durable.as_ref()).await?;
            let Some(again) = read(&mut *source, durable.as_ref(), findings).await? else {
                findings.add(Law::NothingLost, "reading again after a death gave nothing");
                break;
            };
            memory.look(harness, &again, findings);
            batch = again;
        }
        durable = Some(save(&batch, findings)?);
        memory.save(harness, &batch);
        source = finish(harness, findings, source, durable.as_ref(), death).await?;
        memory.rounds += 1;
        died |= death.is_some();
        // A polling source that forgot that its run was over begins another one, as it may.
        if died && batch.last && harness.reads_again() && memory.has_seen_all(&harness.expected()) {
            break;
        }
        if memory.rounds > ROUNDS_MAX {
            findings.add(Law::CallsSucceed, format_args!("the source gave more than {ROUNDS_MAX} batches"));
            return None;
        }
    }
    memory.judge(harness, findings);
    if let Some(leftover) = harness.leftover().await {
        findings.add(Law::DropsAreWhole, format_args!("after everything was read: {leftover}"));
    }
    Some(memory)
}

/// The second half of a round: commit, and whatever death happens around it.
async fn finish(
    harness: &mut dyn SourceHarness,
    findings: &mut Findings,
    mut source: Box<dyn Source>,
    durable: Option<&Checkpoint>,
    death: Option<Death>,
) -> Option<Box<dyn Source>> {
    match death {
        Some(Death::AfterSave) => return restart(harness, findings, durable).await,
        Some(Death::AfterSaveThenReadFirst) => {
            // Nothing says that a restarted hub commits before it reads.
            let mut source = open(harness, findings).await?;
            read(&mut *source, durable, findings).await?;
            commit(&mut *source, durable, findings).await?;
            return Some(source);
        }
        Some(Death::DuringCommit) => {
            if let Some(done) = durable {
                abandon_after(1, source.commit(done)).await;
            }
            return restart(harness, findings, durable).await;
        }
        _ => commit(&mut *source, durable, findings).await?,
    }
    if death == Some(Death::AfterCommit) { restart(harness, findings, durable).await } else { Some(source) }
}

/// Opens again as a restarted hub does: the latest durable checkpoint is committed once more.
async fn restart(
    harness: &mut dyn SourceHarness,
    findings: &mut Findings,
    durable: Option<&Checkpoint>,
) -> Option<Box<dyn Source>> {
    let mut source = open(harness, findings).await?;
    commit(&mut *source, durable, findings).await?;
    Some(source)
}

async fn commit(source: &mut dyn Source, done: Option<&Checkpoint>, findings: &mut Findings) -> Option<()> {
    let Some(done) = done else { return Some(()) };
    match source.commit(done).await {
        Ok(()) => Some(()),
        Err(fault) => {
            findings.add(Law::CallsSucceed, format_args!("commit: {fault}"));
            None
        }
    }
}

/// The outer `None` ends the play.
async fn read(source: &mut dyn Source, after: Option<&Checkpoint>, findings: &mut Findings) -> Option<Option<Batch>> {
    match source.read(after).await {
        Ok(batch) => Some(batch),
        Err(fault) => {
            findings.add(Law::CallsSucceed, format_args!("read: {fault}"));
            None
        }
    }
}

/// A checkpoint as it comes back from a store: through JSON text.
fn save(batch: &Batch, findings: &mut Findings) -> Option<Checkpoint> {
    let text = batch.checkpoint.0.to_string();
    if text.len() > CHECKPOINT_BYTES_MAX {
        findings.add(Law::CheckpointsAreSmall, format_args!("a checkpoint has {} bytes", text.len()));
    }
    match serde_json::from_str(&text) {
        Ok(value) => Some(Checkpoint(value)),
        Err(error) => {
            findings.add(Law::CheckpointsAreSmall, format_args!("a checkpoint does not survive storing: {error}"));
            None
        }
    }
}

fn same_drop(left: &DropLabel, right: &DropLabel) -> bool {
    left.name == right.name
        && left.fingerprint == right.fingerprint
        && left.bytes == right.bytes
        && left.skip == right.skip
}

fn identity(harness: &dyn SourceHarness, item: &Item) -> (String, u64, Option<u64>) {
    match item {
        Item::Record(record) => (harness.identity(record), record.place.ordinal, record.place.line),
        Item::Reject(reject) => (harness.reject_identity(reject), reject.place.ordinal, reject.place.line),
    }
}

impl Memory {
    /// Checks a batch that was read, whether or not it will be saved.
    fn look(&mut self, harness: &dyn SourceHarness, batch: &Batch, findings: &mut Findings) {
        if let Some(label) = &self.label
            && !same_drop(label, &batch.drop)
        {
            let names = (&label.name, &batch.drop.name);
            findings.add(Law::DropsAreWhole, format_args!("the label changed before the drop's last batch: {names:?}"));
        }
        for item in &batch.items {
            let (identity, ordinal, line) = identity(harness, item);
            let found = (identity, line);
            match self.places.get(&(self.drop, ordinal)) {
                Some(known) if *known != found => {
                    let drop = &batch.drop.name;
                    findings.add(Law::PlacesStay, format_args!("{drop}, ordinal {ordinal}: {known:?}, then {found:?}"));
                }
                Some(_) => {}
                None => {
                    self.places.insert((self.drop, ordinal), found);
                }
            }
        }
    }

    fn save(&mut self, harness: &dyn SourceHarness, batch: &Batch) {
        for item in &batch.items {
            let identity = identity(harness, item).0;
            if self.drop == 0 {
                self.first_drop.push(identity.clone());
            }
            self.saved.push((self.drop, identity));
        }
        if batch.last {
            self.drop += 1;
            self.label = None;
        } else {
            self.label = Some(batch.drop.clone());
        }
    }

    fn has_seen_all(&self, expected: &[String]) -> bool {
        expected.iter().all(|identity| self.saved.iter().any(|(_, saved)| saved == identity))
    }

    /// Holds everything that was saved against what the system held.
    fn judge(&self, harness: &dyn SourceHarness, findings: &mut Findings) {
        if let Some(label) = &self.label {
            findings.add(Law::DropsAreWhole, format_args!("no batch of {} says that it is the last", label.name));
        }
        let mut expected: BTreeMap<String, usize> = BTreeMap::new();
        for identity in harness.expected() {
            *expected.entry(identity).or_default() += 1;
        }
        let mut total: BTreeMap<&str, usize> = BTreeMap::new();
        let mut in_drop: BTreeMap<(usize, &str), usize> = BTreeMap::new();
        for (drop, identity) in &self.saved {
            *total.entry(identity).or_default() += 1;
            *in_drop.entry((*drop, identity)).or_default() += 1;
        }
        for (identity, count) in &expected {
            let found = total.get(identity.as_str()).copied().unwrap_or(0);
            if found < *count {
                findings.add(Law::NothingLost, format_args!("{identity} was read {found} of {count} times"));
            }
            if found > *count && !harness.reads_again() {
                findings.add(Law::NothingTwice, format_args!("{identity} was read {found} times, not {count}"));
            }
            let most =
                in_drop.iter().filter(|((_, other), _)| *other == identity.as_str()).map(|(_, count)| *count).max();
            if harness.reads_again() && most.is_some_and(|most| most > *count) {
                findings.add(Law::NothingTwice, format_args!("{identity} came {most:?} times in one drop"));
            }
        }
        for identity in total.keys().filter(|identity| !expected.contains_key(**identity)) {
            findings.add(Law::NothingInvented, format_args!("{identity} is none of the system's records"));
        }
    }
}

/// The checkpoint behind the first drop gives none of it, and all of what follows it.
async fn check_skip(harness: &mut dyn SourceHarness, findings: &mut Findings, first_drop: Vec<String>) {
    harness.reset().await;
    let Some(mut source) = open(harness, findings).await else { return };
    let Some(Some(batch)) = read(&mut *source, None, findings).await else { return };
    let Some(skip) = batch.drop.skip else { return };
    let Some(mut source) = restart(harness, findings, Some(&skip)).await else { return };
    let mut left = harness.expected();
    for identity in first_drop {
        if let Some(position) = left.iter().position(|other| *other == identity) {
            left.remove(position);
        }
    }
    let mut after = skip;
    for _ in 0..ROUNDS_MAX {
        let Some(Some(batch)) = read(&mut *source, Some(&after), findings).await else { break };
        for item in &batch.items {
            let identity = identity(harness, item).0;
            match left.iter().position(|other| *other == identity) {
                Some(position) => {
                    left.remove(position);
                }
                None => {
                    findings.add(Law::DropsAreWhole, format_args!("{identity} was read though its drop was skipped"))
                }
            }
        }
        after = batch.checkpoint;
        if commit(&mut *source, Some(&after), findings).await.is_none() {
            return;
        }
    }
    for identity in left {
        findings.add(Law::NothingLost, format_args!("{identity} of a later drop was skipped too"));
    }
}
