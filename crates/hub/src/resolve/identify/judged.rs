//! What people decided about records, as the matcher needs it.

use std::collections::BTreeMap;

use master::matching::{Matcher, RecordNumber, Verdict};
use store::{Judgement, JudgementKind};

/// The judgements that count, in the order in which they were made: of two about the same records, the later one counts.
#[derive(Default)]
pub(in crate::resolve) struct Judgements {
    by_number: BTreeMap<u64, Judgement>,
    unwritten: Vec<Judgement>,
}

impl Judgements {
    /// Adds what the store has; returns whether anything of it is new.
    pub fn add(&mut self, judgements: Vec<Judgement>) -> bool {
        let before = self.by_number.len();
        self.by_number.extend(judgements.into_iter().map(|one| (one.number, one)));
        self.by_number.len() > before
    }

    /// Adds one that this transaction writes: it is later than all others.
    pub fn add_unwritten(&mut self, judgement: &Judgement) {
        self.unwritten.push(judgement.clone());
    }

    /// Takes one back.
    pub fn take_back(&mut self, number: u64, matcher: &mut Matcher) {
        if let Some(gone) = self.by_number.remove(&number) {
            verdicts(&gone, |one, other, _| matcher.load_verdict(one, other, None));
        }
    }

    /// Tells the matcher about all of them.
    pub fn tell(&self, matcher: &mut Matcher) {
        for judgement in self.by_number.values().chain(&self.unwritten) {
            verdicts(judgement, |one, other, verdict| matcher.load_verdict(one, other, Some(verdict)));
        }
    }
}

/// What a judgement says about each pair of records.
fn verdicts(judgement: &Judgement, mut tell: impl FnMut(RecordNumber, RecordNumber, Verdict)) {
    if judgement.by.is_none() {
        return;
    }
    let (left, right) = (&judgement.left, &judgement.right);
    let verdict = match judgement.kind {
        JudgementKind::Merge | JudgementKind::Link => Verdict::Same,
        JudgementKind::Split | JudgementKind::NotTheSame | JudgementKind::Unlink => Verdict::NotTheSame,
        JudgementKind::Undo => return,
    };
    for one in left {
        for other in right.iter().filter(|other| *other != one) {
            tell(*one, *other, verdict);
        }
    }
}
