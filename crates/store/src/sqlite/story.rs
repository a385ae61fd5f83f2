//! Masters as people see them: listings, searches by text, and the story of one.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use master::MasterId;
use rusqlite::params;
use serde_json::value::RawValue;

use super::dictionary::Session;
use super::failure::Failure;
use super::listing::Narrow;
use super::resolve::mapping_covers;
use super::value::MasterKey;
use super::{masters, rows};
use crate::{Filter, MasterStory, MasterSummary, SourceRow};

/// A search by text looks at no more masters than this: about a second.
const SCAN_MAX: usize = 5_000_000;

/// At most this many entries of the journal are told.
const JOURNAL_MAX: i64 = 500;

/// See [`crate::OperateStore::masters`]. Without a tenant, the masters of all tenants are merged by id.
pub(super) fn masters(session: &Session<'_>, filter: &Filter) -> Result<Vec<MasterSummary>, Failure> {
    let Some(narrow) = Narrow::new(session, filter)? else { return Ok(Vec::new()) };
    let by_key = match &filter.text {
        Some(text) => with_key(session, text.trim())?,
        None => HashSet::new(),
    };
    let words: Vec<&str> = narrow.text.as_deref().unwrap_or_default().split_whitespace().collect();
    let mut found = Vec::new();
    for tenant in tenants(session, narrow.tenant)? {
        let mut of_tenant = 0;
        let after = narrow.after.unwrap_or(-1).max(-1).cast_unsigned();
        scan(session, tenant, after.wrapping_add(1), &narrow, |key, text| {
            let matches = words.iter().all(|word| text.contains(word)) || by_key.contains(&key);
            if matches && knows(session, key, narrow.system)? {
                found.push(key);
                of_tenant += 1;
            }
            Ok(of_tenant < narrow.count_max)
        })?;
    }
    found.sort_by_key(|key| (key.id(), key.tenant()));
    cut(&mut found, narrow.count_max);
    let mut summaries = Vec::with_capacity(found.len());
    for key in found {
        summaries.extend(summary(session, key)?);
    }
    Ok(summaries)
}

/// Cuts a page so that the next one, after the last id, misses no tenant's master of that same id.
fn cut(found: &mut Vec<MasterKey>, count_max: usize) {
    let Some(next) = found.get(count_max).map(|key| key.id()) else { return };
    found.truncate(count_max);
    let whole = found.iter().rposition(|key| key.id() != next).map_or(0, |last| last + 1);
    if whole > 0 {
        found.truncate(whole);
    }
}

/// See [`crate::OperateStore::story`]. Without a tenant, the first that has the id.
pub(super) fn story(session: &Session<'_>, tenant: Option<&str>, id: MasterId) -> Result<Option<MasterStory>, Failure> {
    let tenant = match tenant {
        None => None,
        Some(tenant) => match session.id(tenant)? {
            None => return Ok(None),
            known => known,
        },
    };
    for tenant in tenants(session, tenant)? {
        if let Some(master) = masters::read(session, tenant, &[id])?.pop().flatten() {
            let sources = masters::sources_of(session, tenant, &[id])?.pop().unwrap_or_default();
            return Ok(Some(MasterStory {
                tenant: session.text(tenant)?,
                master,
                covers: covers_of(session, &sources)?,
                sources,
                crosswalk: masters::crosswalk_of(session, tenant, &[id])?.pop().unwrap_or_default(),
                journal: journal_of(session, tenant, id)?,
            }));
        }
    }
    Ok(None)
}

/// What the mappings of some sources cover, by version.
fn covers_of(session: &Session<'_>, sources: &[SourceRow]) -> Result<BTreeMap<Arc<str>, Arc<[String]>>, Failure> {
    let mut covers = BTreeMap::new();
    for version in sources.iter().map(|source| &source.mapping) {
        if !covers.contains_key(version)
            && let Some(found) = mapping_covers(session, version)?
        {
            covers.insert(version.clone(), found);
        }
    }
    Ok(covers)
}

fn journal_of(session: &Session<'_>, tenant: i64, id: MasterId) -> Result<Vec<crate::JournalEntry>, Failure> {
    let Some(key) = MasterKey::pack(tenant, id) else { return Ok(Vec::new()) };
    let mut select = session
        .prepare(&format!("SELECT {} FROM journal WHERE master = ?1 ORDER BY number DESC LIMIT ?2", rows::JOURNAL))?;
    let mut found = select.query([key.0, JOURNAL_MAX])?;
    let mut journal = Vec::new();
    while let Some(row) = found.next()? {
        journal.push(rows::journal(session, row)?);
    }
    journal.reverse();
    Ok(journal)
}

/// A master in a listing; `None` when there is none.
pub(super) fn summary(session: &Session<'_>, key: MasterKey) -> Result<Option<MasterSummary>, Failure> {
    let (tenant, id) = (key.tenant(), key.id());
    let Some(master) = masters::read(session, tenant, &[id])?.pop().flatten() else { return Ok(None) };
    let crosswalk = masters::crosswalk_of(session, tenant, &[id])?.pop().unwrap_or_default();
    Ok(Some(MasterSummary {
        master_id: id,
        entity: master.entity,
        version: master.version,
        state: master.state,
        root: master.root,
        document: RawValue::from_string(master.document.into())?,
        systems: crosswalk
            .into_iter()
            .filter(|row| !row.removed)
            .map(|row| (row.local.system, row.local.key))
            .collect(),
    }))
}

/// The tenants that have masters, or the one that was asked for.
pub(super) fn tenants(session: &Session<'_>, only: Option<i64>) -> Result<Vec<i64>, Failure> {
    if let Some(tenant) = only {
        return Ok(vec![tenant]);
    }
    // One look-up per tenant, whatever the number of masters.
    let mut select = session.prepare("SELECT min(master) FROM search_texts WHERE master > ?1")?;
    let mut tenants = Vec::new();
    let mut after = -1;
    while let Some(first) = select.query_row([after], |row| row.get::<_, Option<i64>>(0))? {
        let tenant = MasterKey(first).tenant();
        tenants.push(tenant);
        after = MasterKey::range(tenant).1;
    }
    Ok(tenants)
}

/// Shows masters of a tenant with their search texts, by id from `first` on, until `each` has enough; only those of an
/// entity or of a customer where one was asked for.
pub(super) fn scan(
    session: &Session<'_>,
    tenant: i64,
    first: u64,
    narrow: &Narrow,
    mut each: impl FnMut(MasterKey, &str) -> Result<bool, Failure>,
) -> Result<(), Failure> {
    let Some(from) = MasterKey::pack(tenant, MasterId(first)) else { return Ok(()) };
    // The condition on the id is that of the index, so that a customer's documents are found without a scan.
    let mut select = session.prepare(match narrow.customer {
        None => {
            "SELECT master, text FROM search_texts WHERE master BETWEEN ?1 AND ?2 AND (?3 IS NULL OR entity = ?3)
             AND ?5 IS NULL ORDER BY master LIMIT ?4"
        }
        Some(_) => {
            "SELECT m.master, t.text FROM masters m JOIN search_texts t ON t.master = m.master
             WHERE m.root = ?5 AND m.root <> (m.master & 1099511627775) AND m.master BETWEEN ?1 AND ?2
             AND (?3 IS NULL OR m.entity = ?3) ORDER BY m.master LIMIT ?4"
        }
    })?;
    let limit = i64::try_from(SCAN_MAX).unwrap_or(i64::MAX);
    let mut found = select.query(params![from.0, MasterKey::range(tenant).1, narrow.entity, limit, narrow.customer])?;
    while let Some(row) = found.next()? {
        if !each(MasterKey(row.get(0)?), row.get_ref(1)?.as_str()?)? {
            break;
        }
    }
    Ok(())
}

/// The masters that a system knows, or knew, under this key.
pub(super) fn with_key(session: &Session<'_>, key: &str) -> Result<HashSet<MasterKey>, Failure> {
    let mut masters = HashSet::new();
    for sql in ["SELECT master FROM crosswalk WHERE key = ?1", "SELECT master FROM sources WHERE key = ?1"] {
        let mut select = session.prepare(sql)?;
        let mut found = select.query([key])?;
        while let Some(row) = found.next()? {
            masters.insert(MasterKey(row.get(0)?));
        }
    }
    Ok(masters)
}

/// Whether a system knows a master, where one was asked for.
fn knows(session: &Session<'_>, key: MasterKey, system: Option<i64>) -> Result<bool, Failure> {
    let Some(system) = system else { return Ok(true) };
    let mut select =
        session.prepare("SELECT 1 FROM crosswalk WHERE master = ?1 AND system = ?2 AND removed = 0 LIMIT 1")?;
    Ok(select.exists([key.0, system])?)
}
