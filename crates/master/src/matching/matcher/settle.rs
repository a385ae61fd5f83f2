//! Putting records under their keys, comparing them with whoever may be one with them, and dividing what hangs together.

use std::collections::{BTreeMap, BTreeSet};

use super::super::divide::divide_linked;
use super::super::evidence::Evidence;
use super::super::keys::{KeyKind, blocking_keys};
use super::super::model::Score;
use super::load::Needs;
use super::{Bits, BlockingKey, ByNumber, ClusterNumber, Entry, Having, Matcher, Numbers, RecordNumber, Told};

/// What is left to do after something was shown or decided. Each stage is carried out when all that it looks at is there.
#[derive(Default)]
pub(super) struct Work {
    /// Keys that records show for the first time.
    unfiled: BTreeSet<(BlockingKey, RecordNumber)>,
    /// Records to be compared anew.
    again: BTreeSet<RecordNumber>,
    /// Records that resemble each other and may have been brought together by nothing but a key that leads nowhere now.
    parting: BTreeSet<(RecordNumber, RecordNumber)>,
    /// Records whose company is to be divided anew.
    touched: BTreeSet<RecordNumber>,
    /// What was divided, for whoever asks about doubts.
    pub divided: BTreeSet<RecordNumber>,
}

/// Whether another record shows the very same.
enum Twin<'a> {
    /// This one, which resembles these.
    Found(RecordNumber, &'a BTreeMap<RecordNumber, Bits>),
    /// These must be known first.
    Unknown(Vec<RecordNumber>),
    None,
}

impl Work {
    pub fn forget(&mut self, number: RecordNumber) {
        self.again.remove(&number);
        self.parting.retain(|(one, other)| *one != number && *other != number);
        self.touched.remove(&number);
    }
}

impl Matcher {
    /// Takes in what a state of a record shows, and leaves it to [`settle`](Matcher::settle) to do something about it.
    /// Returns whether there is anything that it did not show before.
    pub fn note(&mut self, number: RecordNumber, later: &Evidence) -> bool {
        self.require_keys(number);
        let Some(entry) = self.records.get_mut(&number) else { return false };
        let before = entry.shown.clone();
        entry.shown.unite(later);
        if entry.shown == before && entry.home.is_some() {
            return false;
        }
        entry.common = self.model.common_names(&entry.shown);
        entry.changed.evidence = true;
        let is_told_whole = entry.told.is_none();
        for key in blocking_keys(&entry.shown) {
            if entry.keys_shown.binary_search(&key).is_err() {
                self.work.unfiled.insert((key, number));
            }
        }
        // What it shows may have no key of its own, and is compared all the same.
        if !is_told_whole {
            self.refresh(number);
        }
        self.work.again.insert(number);
        true
    }

    /// Leaves it to [`settle`](Matcher::settle) to compare these records anew.
    pub fn look_again(&mut self, records: impl IntoIterator<Item = RecordNumber>) {
        self.work.again.extend(records);
    }

    /// Carries out what is left to do, as far as what was loaded allows. `None` when all is done; else what else it must
    /// know, whereupon it is called again. One that sees everything needs nothing.
    pub fn settle(&mut self) -> Option<Needs> {
        self.file().or_else(|| self.compare()).or_else(|| self.regroup())
    }

    pub(super) fn settle_whole(&mut self) {
        while self.settle().is_some() {}
    }

    /// Puts records under their keys. A value that thereby becomes nobody's changes all who have it; another key parts those
    /// whom nothing else brings together.
    fn file(&mut self) -> Option<Needs> {
        let mut needs = Needs::default();
        let mut last: Option<(BlockingKey, usize)> = None;
        for (key, _) in &self.work.unfiled {
            // So many records show it for the first time.
            let new = last.filter(|(before, _)| before == key).map_or(0, |(_, count)| count) + 1;
            last = Some((*key, new));
            match self.index.get(key) {
                None if self.is_part => needs.keys.push(*key),
                Some(Having::Few(having)) if having.len() + new > self.options.records_max(*key) => {
                    needs.records.extend(having.iter().filter(|number| !self.records.contains_key(number)));
                }
                _ => {}
            }
        }
        if !needs.is_empty() {
            return Some(needs);
        }
        let unfiled = std::mem::take(&mut self.work.unfiled);
        let mut changed: BTreeSet<RecordNumber> = BTreeSet::new();
        for (key, number) in unfiled {
            changed.insert(number);
            self.file_one(key, number, &mut changed);
        }
        for number in changed {
            self.require_keys(number);
            self.refresh(number);
            // What of it is nobody's is kept with it.
            if let Some(entry) = self.entry(number) {
                entry.changed.evidence = true;
            }
            self.work.again.insert(number);
        }
        None
    }

    fn file_one(&mut self, key: BlockingKey, number: RecordNumber, changed: &mut BTreeSet<RecordNumber>) {
        let most = self.options.records_max(key);
        let Some(entry) = self.records.get_mut(&number) else { return };
        let Err(place) = entry.keys_shown.binary_search(&key) else { return };
        entry.keys_shown.insert(place, key);
        let Having::Few(having) = self.index.entry(key).or_insert_with(|| Having::Few(Vec::new())) else { return };
        having.push(number);
        if having.len() <= most {
            self.news.filed(key, number, self.is_part);
            return;
        }
        let value = entry.shown.value_of(key);
        self.common.extend(value.map(|(kind, value)| (kind, value.to_owned())));
        if let Some(Having::Few(having)) = self.index.insert(key, Having::Many) {
            match key.is_value() {
                true => changed.extend(having),
                false => self.part(having),
            }
        }
        self.news.flagged(key, self.is_part);
    }

    /// Notes which of those who had a key resemble each other.
    fn part(&mut self, mut having: Vec<RecordNumber>) {
        having.sort_unstable();
        for one in &having {
            let links = self.records.get(one).map(|entry| entry.links.range(one + 1..));
            let had = links.into_iter().flatten().filter(|(other, _)| having.binary_search(other).is_ok());
            self.work.parting.extend(had.map(|(other, _)| (*one, *other)));
        }
    }

    /// Takes what is nobody's out of what a record has shown.
    pub(super) fn refresh(&mut self, number: RecordNumber) {
        let is_told = |key: BlockingKey| !key.is_value() || !matches!(self.index.get(&key), Some(Having::Many));
        let Some(entry) = self.records.get(&number) else { return };
        let told = if entry.keys_shown.iter().all(|key| is_told(*key)) {
            None
        } else {
            let mut evidence = entry.shown.clone();
            evidence.retain(is_told);
            let keys = blocking_keys(&evidence);
            Some(Box::new(Told { evidence, keys }))
        };
        if let Some(entry) = self.entry(number) {
            let before = entry.told.as_ref().map(|told| &told.evidence);
            entry.changed.evidence |= before != told.as_ref().map(|told| &told.evidence);
            entry.told = told;
        }
    }

    /// Compares records anew with whoever may be one with them.
    fn compare(&mut self) -> Option<Needs> {
        if self.is_part {
            self.work.again.clone().into_iter().for_each(|number| self.require_keys(number));
            for (one, other) in self.work.parting.clone() {
                [one, other].into_iter().for_each(|number| self.require_keys(number));
            }
            let needs = self.candidates_missing();
            if !needs.is_empty() {
                return Some(needs);
            }
        }
        for (one, other) in std::mem::take(&mut self.work.parting) {
            let is_led = |key: &BlockingKey| matches!(self.index.get(key), Some(Having::Few(_)));
            if !self.shared_keys(one, other).iter().any(is_led) {
                self.unlink(one, other);
                self.work.touched.extend([one, other]);
            }
        }
        let mut again = std::mem::take(&mut self.work.again);
        while let Some(number) = again.first().copied() {
            let before = self.link(number, &again);
            again.remove(&number);
            self.work.touched.insert(number);
            self.work.touched.extend(before);
        }
        None
    }

    /// A record with the same identifier that shows the very same: whoever resembles the one resembles the other, and
    /// nobody needs to be compared to find that out. Records of `open` are not known to resemble anybody yet.
    fn twin(&self, number: RecordNumber, open: &BTreeSet<RecordNumber>) -> Twin<'_> {
        let Some(entry) = self.records.get(&number) else { return Twin::None };
        let mut unknown = Vec::new();
        for key in entry.keys().iter().filter(|key| key.kind() == Some(KeyKind::Identifier)) {
            let Some(Having::Few(having)) = self.index.get(key) else { continue };
            for other in having.iter().filter(|other| **other != number && !open.contains(other)) {
                match self.records.get(other) {
                    None => unknown.push(*other),
                    Some(twin) if twin.shown == entry.shown && twin.evidence() == entry.evidence() => {
                        return Twin::Found(*other, &twin.links);
                    }
                    Some(_) => {}
                }
            }
        }
        if unknown.is_empty() { Twin::None } else { Twin::Unknown(unknown) }
    }

    /// Whom a record resembles, by comparing it with everybody who has a key in common with it.
    fn resembling(&self, number: RecordNumber, entry: &Entry) -> BTreeMap<RecordNumber, Bits> {
        let mut candidates: BTreeSet<RecordNumber> = BTreeSet::new();
        for key in entry.keys() {
            if let Some(Having::Few(having)) = self.index.get(key) {
                let has = |other: &RecordNumber| self.records.get(other).is_some_and(|other| other.has(*key));
                candidates.extend(having.iter().copied().filter(|other| *other != number && has(other)));
            }
        }
        candidates.into_iter().filter_map(|other| Some((other, self.resembles(entry, other)?))).collect()
    }

    fn resembles(&self, entry: &Entry, other: RecordNumber) -> Option<Bits> {
        self.model.resembles(entry.scored(), self.records.get(&other)?.scored(), self.options.thresholds.review)
    }

    fn candidates_missing(&self) -> Needs {
        let mut needs = Needs::default();
        let is_there = |number: &RecordNumber| self.records.contains_key(number);
        for (one, other) in &self.work.parting {
            needs.records.extend([*one, *other].iter().filter(|number| !is_there(number)));
            let shared = self.shared_keys(*one, *other);
            needs.keys.extend(shared.into_iter().filter(|key| !self.index.contains_key(key)));
        }
        for number in &self.work.again {
            let Some(entry) = self.records.get(number) else {
                needs.records.insert(*number);
                continue;
            };
            needs.records.extend(entry.links.keys().filter(|number| !is_there(number)));
            match self.twin(*number, &self.work.again) {
                Twin::Unknown(records) => {
                    needs.records.extend(records);
                    continue;
                }
                Twin::Found(_, links) => {
                    needs.records.extend(links.keys().filter(|number| !is_there(number)));
                    continue;
                }
                Twin::None => {}
            }
            for key in entry.keys() {
                match self.index.get(key) {
                    None => needs.keys.push(*key),
                    Some(Having::Few(having)) => {
                        needs.records.extend(having.iter().filter(|number| !is_there(number)));
                    }
                    Some(Having::Many) => {}
                }
            }
        }
        needs
    }

    /// Finds whom a record resembles; returns those with whom it hung together before by what is no link any more.
    fn link(&mut self, number: RecordNumber, open: &BTreeSet<RecordNumber>) -> Vec<RecordNumber> {
        let Some(entry) = self.records.get(&number) else { return Vec::new() };
        let links = match self.twin(number, open) {
            Twin::Found(twin, links) => {
                let own = self.resembles(entry, twin).map(|bits| (twin, bits));
                links
                    .iter()
                    .map(|(other, bits)| (*other, *bits))
                    .filter(|(other, _)| *other != number)
                    .chain(own)
                    .collect()
            }
            _ => self.resembling(number, entry),
        };
        if links == entry.links {
            return Vec::new();
        }
        let before = self.entry(number).map(|entry| std::mem::replace(&mut entry.links, links.clone()));
        let before = before.unwrap_or_default();
        self.mark_links(number);
        for other in before.keys().filter(|other| !links.contains_key(other)) {
            self.unlink(number, *other);
        }
        for (other, bits) in links {
            if before.get(&other) == Some(&bits) {
                continue;
            }
            if let Some(entry) = self.entry(other) {
                entry.links.insert(number, bits);
            }
            self.mark_links(other);
        }
        let link = self.options.thresholds.link;
        let now = self.records.get(&number).map(|entry| &entry.links);
        let is_link = |other: &RecordNumber| now.and_then(|now| now.get(other)).is_some_and(|bits| *bits >= link);
        before.into_iter().filter(|(other, bits)| *bits >= link && !is_link(other)).map(|(other, _)| other).collect()
    }

    /// The keys that two records have in common, also those that lead nowhere.
    fn shared_keys(&self, one: RecordNumber, other: RecordNumber) -> Vec<BlockingKey> {
        let Some((one, other)) = self.records.get(&one).zip(self.records.get(&other)) else { return Vec::new() };
        one.keys().iter().copied().filter(|key| other.has(*key)).collect()
    }

    /// Two records resemble each other no more.
    fn unlink(&mut self, one: RecordNumber, other: RecordNumber) {
        for (number, with) in [(one, other), (other, one)] {
            if let Some(entry) = self.entry(number) {
                entry.links.remove(&with);
                entry.changed.links = true;
            }
        }
    }

    fn mark_links(&mut self, number: RecordNumber) {
        if let Some(entry) = self.entry(number) {
            entry.changed.links = true;
        }
    }

    /// Divides all that hangs together with what was touched.
    fn regroup(&mut self) -> Option<Needs> {
        let mut open = self.work.touched.clone();
        let (mut companies, mut needs) = (Vec::new(), Needs::default());
        while let Some(first) = open.pop_first() {
            let together = self.together(first, &mut needs);
            together.iter().for_each(|number| {
                open.remove(number);
            });
            companies.push(together);
        }
        if !needs.is_empty() {
            return Some(needs);
        }
        let groups: Vec<Vec<RecordNumber>> = companies.into_iter().flat_map(|together| self.divide(together)).collect();
        // All at once: what was one customer may hang together no more.
        let given = self.claims(&groups);
        if self.is_part {
            let concerned = self.concerned(&groups, &given);
            let new = given.iter().filter(|given| given.is_none()).count();
            let links =
                concerned.iter().filter_map(|number| self.records.get(number)).flat_map(|entry| entry.links.keys());
            // Whose doubtful pairs these are must be known too.
            needs.records.extend(links.filter(|other| !self.records.contains_key(other)));
            needs.clusters = new.saturating_sub(self.offered.len());
            if !needs.is_empty() {
                return Some(needs);
            }
            self.work.divided.extend(concerned);
        }
        self.work.touched.clear();
        self.number(groups, given);
        None
    }

    /// The records of customers that gain or lose a record, or of whose records one was touched: of the others that hang
    /// together with them, nothing is doubtful that was not before.
    fn concerned(&self, groups: &[Vec<RecordNumber>], given: &[Option<ClusterNumber>]) -> Vec<RecordNumber> {
        let cluster = |number: &RecordNumber| self.records.get(number).map(|entry| entry.cluster);
        let divided = || groups.iter().zip(given);
        let left: BTreeSet<ClusterNumber> = divided()
            .flat_map(|(group, given)| group.iter().filter_map(cluster).filter(move |from| Some(*from) != *given))
            .collect();
        let is_concerned = |(group, given): &(&Vec<RecordNumber>, &Option<ClusterNumber>)| {
            given.is_none_or(|given| left.contains(&given))
                || group.iter().any(|number| self.work.touched.contains(number) || cluster(number) != **given)
        };
        divided().filter(is_concerned).flat_map(|(group, _)| group).copied().collect()
    }

    /// All records that links and decisions lead to from one, and from those.
    fn together(&self, first: RecordNumber, needs: &mut Needs) -> Vec<RecordNumber> {
        let link = self.options.thresholds.link;
        let (mut found, mut together) = (Numbers::default(), vec![first]);
        found.insert(first);
        let mut next = 0;
        while let Some(number) = together.get(next).copied() {
            next += 1;
            let Some(entry) = self.records.get(&number) else {
                needs.records.insert(number);
                continue;
            };
            let linked = entry.links.iter().filter(|(_, bits)| **bits >= link).map(|(other, _)| *other);
            let told = self.verdicts.range((number, 0)..=(number, RecordNumber::MAX)).map(|((_, other), _)| *other);
            for other in linked.chain(told) {
                if together.len() < self.options.records_together_max && found.insert(other) {
                    together.push(other);
                }
            }
        }
        together
    }

    fn divide(&self, mut together: Vec<RecordNumber>) -> Vec<Vec<RecordNumber>> {
        if together.len() == 1 {
            return vec![together];
        }
        let mut known: Vec<(RecordNumber, &Entry)> =
            together.drain(..).filter_map(|number| Some((number, self.records.get(&number)?))).collect();
        known.sort_by(|one, other| one.1.name.cmp(&other.1.name));
        let places: ByNumber<RecordNumber, usize> = known.iter().map(|(number, _)| *number).zip(0..).collect();
        let place = |number: RecordNumber| places.get(&number).copied();
        let verdicts: Vec<_> = known
            .iter()
            .enumerate()
            .flat_map(|(at, (number, _))| {
                let of_one = self.verdicts.range((*number, 0)..=(*number, RecordNumber::MAX));
                of_one.map(move |((_, other), verdict)| (at, *other, *verdict))
            })
            .filter_map(|(at, other, verdict)| Some((at, place(other)?, verdict)))
            .collect();
        let links: Vec<(usize, usize, Bits)> = (0..)
            .zip(&known)
            .flat_map(|(one, (_, entry))| entry.links.iter().map(move |(other, bits)| (one, *other, *bits)))
            .filter(|(.., bits)| *bits >= self.options.thresholds.link)
            .filter_map(|(one, other, bits)| Some((one, place(other).filter(|other| one < *other)?, bits)))
            .collect();
        let score = |one: usize, other: usize| {
            let (one, (number, other)) = (known[one].1, known[other]);
            let link = one.links.get(&number).map(|bits| Score { bits: *bits, is_vetoed: false });
            link.or_else(|| self.model.score_known(one.scored(), other.scored()))
        };
        let groups = divide_linked(known.len(), &links, score, &verdicts, self.options.thresholds);
        groups.into_iter().map(|group| group.into_iter().map(|at| known[at].0).collect()).collect()
    }
}
