//! Records that belong to another master than before: with what they show, and with what follows them.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use canonical::entity::{Entity, Operation};
use master::MasterId;
use master::matching::{ClusterNumber, RecordNumber};
use store::{CrosswalkRow, JournalEntry, JournalKind, Judgement, JudgementKind, LocalKey, MasterRow, StoreError};

use super::{Company, local_of};
use crate::resolve::golden::Golden;
use crate::resolve::working::Working;

impl Working<'_> {
    /// Moves records to the masters that they belong to now. Masters without records become one with those that have
    /// them; masters that were one with others and have records again are themselves again.
    pub(super) async fn move_records(
        &mut self,
        company: &Company,
        moved: &[(RecordNumber, ClusterNumber)],
    ) -> Result<(), StoreError> {
        let moved = self.moves(company, moved).await?;
        if moved.is_empty() {
            return Ok(());
        }
        let ids: BTreeSet<MasterId> = moved.iter().flat_map(|one| [one.from, one.to]).collect();
        self.read_masters(ids.iter().copied()).await?;
        self.require_numbers(0, 2 * ids.len() as u64).await?;
        for id in &ids {
            if self.row_of(*id).is_some_and(|row| row.state == Operation::Redirect) {
                self.revive(company, *id).await?;
            }
        }
        for one in &moved {
            self.move_record(&one.local, one.from, one.to);
            self.tell_move(one.to, JournalKind::Moved, &one.local, Some(format!("from {}", one.from)));
        }
        self.retire_emptied(company, &moved).await?;
        let homes = moved.iter().map(|one| one.home).chain(ids.iter().copied()).collect();
        let ids: BTreeSet<MasterId> = self.bring_home(company, homes).await?.into_iter().chain(ids).collect();
        // Documents that name the records go with them; the others may go under another key of their system.
        let known = ids.iter().copied().filter(|id| !self.is_new_number(*id));
        let known: Vec<MasterId> = known.collect();
        self.writes.matching.regrouped.extend(known);
        self.moved_from.extend(ids);
        Ok(())
    }

    /// Of what the matcher moved, what the store knows: a new record of this batch has no master to leave.
    async fn moves(
        &mut self,
        company: &Company,
        moved: &[(RecordNumber, ClusterNumber)],
    ) -> Result<Vec<Move>, StoreError> {
        let mut moves = Vec::with_capacity(moved.len());
        for (number, from) in moved {
            let Some((name, to)) = company.matcher.name(*number).zip(company.matcher.cluster(*number)) else {
                continue;
            };
            let home = company.changed.get(number).map_or(MasterId(*from), |record| record.home);
            let (local, from, to) = (local_of(name), MasterId(*from), MasterId(to));
            moves.push(Move { number: *number, local, home, from, to });
        }
        let locals: Vec<LocalKey> = moves.iter().map(|one| one.local.clone()).collect();
        self.read_crosswalk(locals).await?;
        moves.retain(|one| self.crosswalk(&one.local).is_some_and(|row| row.master_id == one.from));
        Ok(moves)
    }

    /// Takes a record's place in the crosswalk and what it shows to another master.
    fn move_record(&mut self, local: &LocalKey, from: MasterId, to: MasterId) {
        // Its system may have to be corrected, also where the golden document stays as it is.
        self.moved_systems.insert((to, local.system.clone()));
        if let Some(row) = self.crosswalk(local).cloned() {
            self.replace_crosswalk(CrosswalkRow { master_id: to, ..row });
        }
        let sources = std::mem::take(&mut self.known(from).sources);
        let (leaving, staying) = sources.into_iter().partition(|shown| shown.row.local == *local);
        self.known(from).sources = staying;
        let leaving: Vec<_> = leaving;
        for mut shown in leaving {
            shown.row.master_id = to;
            shown.changed = true;
            self.known(to).sources.push(shown);
        }
    }

    /// Masters that have no record of their own any more become one with others.
    async fn retire_emptied(&mut self, company: &Company, moved: &[Move]) -> Result<(), StoreError> {
        let left = emptied(moved);
        let concerned: BTreeSet<MasterId> = left.iter().flat_map(|(from, to)| [*from, *to]).collect();
        let concerned: Vec<MasterId> = concerned.into_iter().collect();
        let mut at: BTreeMap<MasterId, Vec<RecordNumber>> = BTreeMap::new();
        for record in self.match_records_of(company, &concerned).await? {
            at.entry(record.master_id).or_default().push(record.number);
        }
        let emptied: Vec<(MasterId, MasterId)> = left.into_iter().filter(|(from, _)| !at.contains_key(from)).collect();
        let ids: Vec<MasterId> = emptied.iter().map(|(from, _)| *from).collect();
        let mut stored: BTreeMap<MasterId, Vec<LocalKey>> = BTreeMap::new();
        for (row, _) in self.resolution().crosswalk_of(&ids).await? {
            stored.entry(row.master_id).or_default().push(row.local);
        }
        self.read_crosswalk(stored.values().flatten().cloned().collect()).await?;
        for (from, to) in emptied {
            let linked = stored.remove(&from).unwrap_or_default();
            self.retire((from, to), moved, company, (linked, at.get(&to).map_or(&[], Vec::as_slice)));
        }
        Ok(())
    }

    /// A master that has no record of its own any more becomes one with another. What was delivered of it follows: the
    /// records that the crosswalk links to it. The other one has these records.
    fn retire(
        &mut self,
        (from, to): (MasterId, MasterId),
        moved: &[Move],
        company: &Company,
        (linked, at_to): (Vec<LocalKey>, &[RecordNumber]),
    ) {
        let Some(row) = self.row_of(from).cloned() else { return };
        let here = |local: &LocalKey| self.crosswalk(local).is_some_and(|row| row.master_id == from);
        let mut linked: BTreeSet<LocalKey> = linked.into_iter().filter(here).collect();
        linked.extend(self.changed_at(from));
        for local in linked {
            self.move_record(&local, from, to);
        }
        let version = self.new_version();
        let (state, redirect) = (Operation::Redirect, Some(to));
        self.put_master(MasterRow { version, state, redirect, root: from, ..row });
        self.publish(from, version, None);
        let right: Vec<RecordNumber> = moved.iter().filter(|one| one.from == from).map(|one| one.number).collect();
        let left = at_to.iter().copied().filter(|number| !right.contains(number)).collect();
        self.note_by_itself(company, JudgementKind::Merge, to, from, left, right);
        let local = moved.iter().find(|one| one.from == from).map(|one| one.local.clone());
        if let Some(local) = local {
            self.tell_move(from, JournalKind::Merged, &local, Some(format!("one with {to}")));
            self.tell_move(to, JournalKind::Merged, &local, Some(format!("{from} is one with it")));
        }
    }

    /// A master that was one with another is itself again. What was delivered of it comes back.
    async fn revive(&mut self, company: &Company, id: MasterId) -> Result<(), StoreError> {
        let Some(row) = self.row_of(id).cloned() else { return Ok(()) };
        let other = row.redirect;
        // Until the golden document is made of what it shows now.
        self.put_master(MasterRow { state: Operation::Remove, redirect: None, root: id, ..row });
        if let Some(other) = other {
            let right = self.match_records_of(company, &[id]).await?.iter().map(|record| record.number).collect();
            let left = self.match_records_of(company, &[other]).await?.iter().map(|record| record.number).collect();
            self.note_by_itself(company, JudgementKind::Split, other, id, left, right);
            self.split_from.insert(id, other);
        }
        Ok(())
    }

    /// What was delivered for a master, and what nobody can match, stays with it as long as one of its own records does, and
    /// else goes where most of these are. So does an id that is another's by now. Returns the masters that it concerns.
    async fn bring_home(
        &mut self,
        company: &Company,
        homes: BTreeSet<MasterId>,
    ) -> Result<BTreeSet<MasterId>, StoreError> {
        let asked: Vec<MasterId> = homes.iter().copied().collect();
        let mut rows: Vec<(MasterId, LocalKey)> = Vec::new();
        for (row, home) in self.resolution().crosswalk_of(&asked).await? {
            if row.local.entity == Entity::Customer && homes.contains(&home) {
                rows.push((home, row.local));
            }
        }
        rows.sort_unstable();
        self.read_crosswalk(rows.iter().map(|(_, local)| local.clone()).collect()).await?;
        let at: Vec<(MasterId, MasterId, LocalKey)> = rows
            .into_iter()
            .filter_map(|(home, local)| Some((home, self.crosswalk(&local)?.master_id, local)))
            .collect();
        let masters: BTreeSet<MasterId> = at.iter().map(|(_, id, _)| *id).chain(homes.iter().copied()).collect();
        let masters: Vec<MasterId> = masters.into_iter().collect();
        self.read_masters(masters.iter().copied()).await?;
        let matched = self.match_records_of(company, &masters).await?;
        // Those whose record stays with it although its system gave the key to another customer are among them.
        let own =
            || matched.iter().map(|record| (record.home, record.master_id)).filter(|(home, _)| homes.contains(home));
        let mut leads = most(own());
        // As long as one of its records is there, it is itself.
        leads.extend(own().filter(|(home, id)| home == id));
        let matched: HashSet<&LocalKey> = matched.iter().map(|record| &record.local).collect();
        self.require_numbers(0, leads.len() as u64).await?;
        let mut concerned = BTreeSet::new();
        for (home, from, local) in at.into_iter().filter(|(_, _, local)| !matched.contains(local)) {
            let Some(to) = leads.get(&home).copied().filter(|to| *to != from) else { continue };
            self.move_record(&local, from, to);
            concerned.extend([from, to]);
        }
        for (home, to) in leads {
            let Some(row) = self.row_of(home).filter(|row| row.state == Operation::Redirect).cloned() else { continue };
            if self.survivor(home) != to {
                let version = self.new_version();
                self.put_master(MasterRow { version, redirect: Some(to), ..row });
                self.publish(home, version, None);
            }
        }
        Ok(concerned)
    }

    /// Notes what the hub did by itself, unless somebody's judgement says so.
    fn note_by_itself(
        &mut self,
        company: &Company,
        kind: JudgementKind,
        master_id: MasterId,
        other: MasterId,
        left: Vec<RecordNumber>,
        right: Vec<RecordNumber>,
    ) {
        if self.is_judging {
            return;
        }
        self.writes.matching.judgements.push(Judgement {
            number: 0,
            at: self.context.now(),
            kind,
            by: None,
            reason: None,
            model: Some(company.matcher.model().number),
            master_id,
            other: Some(other),
            left,
            right,
            undoes: None,
            is_undone: false,
        });
    }

    /// Makes the golden documents of masters that gained or lost records, and tells subscribers.
    pub(in crate::resolve) async fn settle_moves(&mut self) -> Result<(), StoreError> {
        let moved: BTreeSet<MasterId> = std::mem::take(&mut self.moved_from);
        self.require_numbers(0, moved.len() as u64).await?;
        let systems = std::mem::take(&mut self.moved_systems);
        for id in moved {
            if self.row_of(id).is_some_and(|row| row.state == Operation::Redirect) {
                continue;
            }
            match self.recompute(id, &Entity::Customer, None) {
                Golden::Changed(version) => self.publish(id, version, None),
                Golden::Same(version) | Golden::Differs(version) => {
                    for (_, system) in systems.iter().filter(|(to, _)| *to == id) {
                        self.publish(id, version, Some(system.clone()));
                    }
                }
            }
        }
        for (id, other) in std::mem::take(&mut self.split_from) {
            let mut records = self.sources_of(id).iter().map(|shown| &shown.row.local);
            let local = records.find(|local| *local.system != *master::STEWARD).cloned();
            if let Some(local) = local {
                self.tell_move(id, JournalKind::Split, &local, Some(format!("no longer one with {other}")));
                self.tell_move(other, JournalKind::Split, &local, Some(format!("{id} is itself again")));
            }
        }
        Ok(())
    }

    fn tell_move(&mut self, master_id: MasterId, kind: JournalKind, local: &LocalKey, detail: Option<String>) {
        let version = self.row_of(master_id).map(|row| row.version);
        self.writes.journal.push(JournalEntry {
            at: self.context.now(),
            kind,
            system: local.system.clone(),
            entity: Entity::Customer,
            key: Some(local.key.clone()),
            master_id: Some(master_id),
            version,
            position: None,
            line: None,
            detail,
        });
    }
}

/// A record that leaves a master for another.
struct Move {
    number: RecordNumber,
    local: LocalKey,
    /// The master that it belonged to at first.
    home: MasterId,
    from: MasterId,
    to: MasterId,
}

/// The masters that records left, each with the one that most of its records went to.
fn emptied(moved: &[Move]) -> BTreeMap<MasterId, MasterId> {
    most(moved.iter().map(|one| (one.from, one.to)))
}

/// For each first one the second one that it stands with most often, and of those the oldest.
fn most(pairs: impl Iterator<Item = (MasterId, MasterId)>) -> BTreeMap<MasterId, MasterId> {
    let mut counts: BTreeMap<MasterId, BTreeMap<MasterId, usize>> = BTreeMap::new();
    for (of, id) in pairs {
        *counts.entry(of).or_default().entry(id).or_default() += 1;
    }
    let most = |counts: BTreeMap<MasterId, usize>| {
        counts.into_iter().max_by_key(|(id, count)| (*count, std::cmp::Reverse(*id))).map(|(id, _)| id)
    };
    counts.into_iter().filter_map(|(of, counts)| Some((of, most(counts)?))).collect()
}
