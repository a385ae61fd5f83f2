//! The search box: one text, whatever it is the name of.

use std::collections::HashSet;

use master::MasterId;
use rusqlite::{ToSql, params};

use super::dictionary::Session;
use super::failure::Failure;
use super::value::MasterKey;
use super::{listing, rows, story};
use crate::Hit;

/// At most this many hits.
const HITS_MAX: usize = 50;

/// How many of the newest drops are searched by a part of their names.
const DROPS_SCANNED_MAX: usize = 10_000;

/// See [`crate::OperateStore::find`]. What is named exactly comes before what only contains the text.
pub(super) fn find(session: &Session<'_>, tenant: Option<&str>, text: &str) -> Result<Vec<Hit>, Failure> {
    let text = text.trim();
    let tenant_id = match tenant {
        None => None,
        Some(tenant) => match session.id(tenant)? {
            None => return Ok(Vec::new()),
            known => known,
        },
    };
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let mut search = Search { session, tenant: tenant_id, hits: Vec::new(), shown: HashSet::new() };
    search.message(text)?;
    search.master_id(text)?;
    search.drop_number(text)?;
    search.key(text)?;
    search.drop_name(text)?;
    search.words(text)?;
    search.drop_name_part(text)?;
    Ok(search.hits)
}

/// What a hit stands for, so that nothing is shown twice.
#[derive(PartialEq, Eq, Hash)]
enum Shown {
    Master(i64),
    Drop(u64),
    Reject(u64),
    Waiting(u64),
}

struct Search<'a> {
    session: &'a Session<'a>,
    tenant: Option<i64>,
    hits: Vec<Hit>,
    shown: HashSet<Shown>,
}

impl Search<'_> {
    fn is_full(&self) -> bool {
        self.hits.len() >= HITS_MAX
    }

    fn add(&mut self, shown: Shown, hit: Hit) {
        if !self.is_full() && self.shown.insert(shown) {
            self.hits.push(hit);
        }
    }

    fn add_master(&mut self, key: MasterKey) -> Result<(), Failure> {
        let mine = self.tenant.is_none_or(|tenant| key.tenant() == tenant);
        if !mine || self.is_full() || self.shown.contains(&Shown::Master(key.0)) {
            return Ok(());
        }
        if let Some(summary) = story::summary(self.session, key)? {
            self.add(Shown::Master(key.0), Hit::Master(summary));
        }
        Ok(())
    }

    /// Drops by SQL after `WHERE`, with parameters from ?3 on.
    fn add_drops(&mut self, condition: &str, parameters: &[&dyn ToSql]) -> Result<(), Failure> {
        let mut select = self.session.prepare(&format!(
            "SELECT {} FROM drops d JOIN streams s ON s.id = d.stream
             WHERE (?1 IS NULL OR d.tenant = ?1) AND {condition} ORDER BY d.number DESC LIMIT ?2",
            rows::DROP
        ))?;
        let mut found = self.bind(&mut select, parameters)?;
        while let Some(row) = found.next()? {
            let drop = rows::drop_status(self.session, row)?;
            self.add(Shown::Drop(drop.number), Hit::Drop(drop));
        }
        Ok(())
    }

    fn add_rejects(&mut self, condition: &str, parameters: &[&dyn ToSql]) -> Result<(), Failure> {
        let mut select = self.session.prepare(&format!(
            "SELECT {} FROM rejects r JOIN streams s ON s.id = r.stream
             WHERE (?1 IS NULL OR r.tenant = ?1) AND {condition} ORDER BY r.number DESC LIMIT ?2",
            rows::REJECT
        ))?;
        let mut found = self.bind(&mut select, parameters)?;
        while let Some(row) = found.next()? {
            let reject = rows::reject(self.session, row)?;
            self.add(Shown::Reject(reject.number), Hit::Reject(reject));
        }
        Ok(())
    }

    fn add_waiting(&mut self, condition: &str, parameters: &[&dyn ToSql]) -> Result<(), Failure> {
        let mut select = self.session.prepare(&format!(
            "SELECT {} FROM waiting WHERE (?1 IS NULL OR tenant = ?1) AND {condition} ORDER BY number LIMIT ?2",
            rows::WAITING_STATUS
        ))?;
        let mut found = self.bind(&mut select, parameters)?;
        while let Some(row) = found.next()? {
            let waiting = rows::waiting_status(self.session, row)?;
            self.add(Shown::Waiting(waiting.number), Hit::Waiting(waiting));
        }
        Ok(())
    }

    /// Binds the tenant, the limit, and what follows.
    fn bind<'s>(
        &self,
        select: &'s mut rusqlite::CachedStatement<'_>,
        parameters: &[&dyn ToSql],
    ) -> Result<rusqlite::Rows<'s>, Failure> {
        let limit = i64::try_from(HITS_MAX).unwrap_or(i64::MAX);
        let fixed: [&dyn ToSql; 2] = [&self.tenant, &limit];
        let all = fixed.into_iter().chain(parameters.iter().copied());
        Ok(select.query(rusqlite::params_from_iter(all))?)
    }

    /// A message id: `tenant/system/stream/drop/ordinal/hash` of an observation, `tenant/m7/v42` of a change.
    fn message(&mut self, text: &str) -> Result<(), Failure> {
        if let Some((tenant, id)) = change_id(text) {
            let key = self.session.id(tenant)?.and_then(|tenant| MasterKey::pack(tenant, id));
            return key.map_or(Ok(()), |key| self.add_master(key));
        }
        let Some((stream, drop, ordinal)) = observation_id(text) else { return Ok(()) };
        let Some(status) = listing::drop_by_number(self.session, drop)? else { return Ok(()) };
        let key = &status.stream;
        let mine = self.tenant.is_none() || self.tenant == self.session.id(&key.tenant)?;
        if !mine || format!("{}/{}/{}", key.tenant, key.system, key.stream) != stream {
            return Ok(());
        }
        let masters: Vec<i64> = self
            .session
            .prepare(
                "SELECT DISTINCT master FROM journal WHERE drop_number = ?1 AND ordinal = ?2 AND master IS NOT NULL",
            )?
            .query_map([drop, ordinal], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        for master in masters {
            self.add_master(MasterKey(master))?;
        }
        self.add_rejects("r.drop_number = ?3 AND r.ordinal = ?4", params![drop, ordinal])?;
        self.add_waiting("drop_number = ?3 AND ordinal = ?4", params![drop, ordinal])?;
        self.add(Shown::Drop(status.number), Hit::Drop(status));
        Ok(())
    }

    fn master_id(&mut self, text: &str) -> Result<(), Failure> {
        let Ok(id) = text.parse::<MasterId>() else { return Ok(()) };
        for tenant in story::tenants(self.session, self.tenant)? {
            if let Some(key) = MasterKey::pack(tenant, id) {
                self.add_master(key)?;
            }
        }
        Ok(())
    }

    fn drop_number(&mut self, text: &str) -> Result<(), Failure> {
        match text.parse::<i64>() {
            Ok(number) => self.add_drops("d.number = ?3", params![number]),
            Err(_) => Ok(()),
        }
    }

    /// A system's own key, of whatever system.
    fn key(&mut self, text: &str) -> Result<(), Failure> {
        let mut masters: Vec<_> = story::with_key(self.session, text)?.into_iter().collect();
        masters.sort_unstable();
        for master in masters {
            self.add_master(master)?;
        }
        self.add_waiting("key = ?3", params![text])?;
        self.add_waiting("needs_key = ?3", params![text])?;
        self.add_rejects("r.key = ?3", params![text])
    }

    fn drop_name(&mut self, text: &str) -> Result<(), Failure> {
        self.add_drops("d.name = ?3", params![text])
    }

    /// Names and numbers that people look for: all words of the text, those that have them as whole words first.
    fn words(&mut self, text: &str) -> Result<(), Failure> {
        let text = text.to_lowercase();
        let words: Vec<&str> = text.split_whitespace().collect();
        let (mut whole, mut part) = (Vec::new(), Vec::new());
        for tenant in story::tenants(self.session, self.tenant)? {
            story::scan(self.session, tenant, 0, &listing::Narrow::default(), |key, searched| {
                if words.iter().all(|word| searched.contains(word)) {
                    let is_whole = words.iter().all(|word| searched.split_whitespace().any(|found| found == *word));
                    let hits = if is_whole { &mut whole } else { &mut part };
                    if hits.len() < HITS_MAX {
                        hits.push(key);
                    }
                }
                Ok(whole.len() < HITS_MAX)
            })?;
        }
        for key in whole.into_iter().chain(part) {
            self.add_master(key)?;
        }
        Ok(())
    }

    fn drop_name_part(&mut self, text: &str) -> Result<(), Failure> {
        let text = text.to_lowercase();
        let scanned = i64::try_from(DROPS_SCANNED_MAX).unwrap_or(i64::MAX);
        self.add_drops(
            "d.number > (SELECT coalesce(max(number), 0) FROM drops) - ?4 AND instr(lower(d.name), ?3) > 0",
            params![text, scanned],
        )
    }
}

/// The tenant and master of a change's id.
fn change_id(text: &str) -> Option<(&str, MasterId)> {
    let (rest, version) = text.rsplit_once('/')?;
    let (tenant, id) = rest.rsplit_once('/')?;
    version.strip_prefix('v')?.parse::<u64>().ok()?;
    Some((tenant, id.parse().ok()?))
}

/// The stream (`tenant/system/stream`), drop and ordinal of an observation's id.
fn observation_id(text: &str) -> Option<(&str, i64, i64)> {
    let (rest, _hash) = text.rsplit_once('/')?;
    let (rest, ordinal) = rest.rsplit_once('/')?;
    let (stream, drop) = rest.rsplit_once('/')?;
    Some((stream, drop.parse().ok()?, ordinal.parse().ok()?))
}
