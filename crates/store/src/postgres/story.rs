//! Masters as people see them: listings, searches by text, and the story of one.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use master::MasterId;
use serde_json::value::RawValue;

use super::failure::Failure;
use super::listing::Narrow;
use super::masters;
use super::pool::Parameter;
use super::rows::{self, crosswalk_columns, get, journal_columns};
use super::text::kept;
use super::transaction::Transaction;
use crate::value::MasterKey;
use crate::{CrosswalkRow, Filter, JournalEntry, MasterStory, MasterSummary, SourceRow};

/// At most this many entries of the journal are told.
const JOURNAL_MAX: i64 = 500;

/// See [`crate::OperateStore::masters`]. Without a tenant, the masters of all tenants are merged by id.
pub(super) async fn masters(tx: &Transaction, filter: &Filter) -> Result<Vec<MasterSummary>, Failure> {
    let Some(narrow) = Narrow::new(tx.core(), filter).await? else { return Ok(Vec::new()) };
    let by_key: Vec<i64> = match &filter.text {
        Some(text) => with_key(tx, text.trim()).await?.into_iter().map(|key| key.0).collect(),
        None => Vec::new(),
    };
    let words: Vec<&str> = narrow.text.as_deref().unwrap_or_default().split_whitespace().collect();
    let after = narrow.after.unwrap_or(-1).max(-1).cast_unsigned();
    let mut found = Vec::new();
    for tenant in tenants(tx, narrow.tenant).await? {
        let Some(from) = MasterKey::pack(tenant, MasterId(after.wrapping_add(1))) else { continue };
        found.extend(listed(tx, from, MasterKey::range(tenant).1, &narrow, &words, &by_key).await?);
    }
    found.sort_by_key(|key| (key.id(), key.tenant()));
    cut(&mut found, narrow.count_max);
    summaries(tx, &found).await
}

/// The masters of a tenant that have all words, or one of the keys, by id. A search by text looks at no more than five
/// million: about a second.
async fn listed(
    tx: &Transaction,
    from: MasterKey,
    to: i64,
    narrow: &Narrow,
    words: &[&str],
    by_key: &[i64],
) -> Result<Vec<MasterKey>, Failure> {
    const ALL: &str = "SELECT t.master FROM (
             SELECT master, text FROM search_texts WHERE master BETWEEN $1 AND $2 AND ($3::bigint IS NULL OR entity = $3)
                AND $8::bigint IS NULL ORDER BY master LIMIT 5000000) AS t
         WHERE (NOT EXISTS (SELECT 1 FROM unnest($4::text[]) AS word WHERE strpos(t.text, word) = 0) OR t.master = ANY($5::bigint[]))
           AND ($6::bigint IS NULL
                OR EXISTS (SELECT 1 FROM crosswalk c WHERE c.master = t.master AND c.system = $6 AND c.removed = 0))
         ORDER BY t.master LIMIT $7";
    // The condition on the id is that of the index, so that a customer's documents are found without a scan.
    const OF_CUSTOMER: &str = "SELECT m.master FROM masters m JOIN search_texts t ON t.master = m.master
         WHERE m.root = $8 AND m.root <> (m.master & 1099511627775) AND m.master BETWEEN $1 AND $2
           AND ($3::bigint IS NULL OR m.entity = $3)
           AND (NOT EXISTS (SELECT 1 FROM unnest($4::text[]) AS word WHERE strpos(t.text, word) = 0) OR t.master = ANY($5::bigint[]))
           AND ($6::bigint IS NULL
                OR EXISTS (SELECT 1 FROM crosswalk c WHERE c.master = t.master AND c.system = $6 AND c.removed = 0))
         ORDER BY m.master LIMIT $7";
    let sql = if narrow.customer.is_some() { OF_CUSTOMER } else { ALL };
    let Narrow { entity, system, customer, .. } = narrow;
    let parameters: [Parameter<'_>; 8] = [&from.0, &to, entity, &words, &by_key, system, &narrow.limit(), customer];
    let found = tx.query(sql, &parameters).await?;
    found.iter().map(|row| Ok(MasterKey(get(row, 0)?))).collect()
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
pub(super) async fn story(
    tx: &Transaction,
    tenant: Option<&str>,
    id: MasterId,
) -> Result<Option<MasterStory>, Failure> {
    let core = tx.core();
    let tenant = match tenant {
        None => None,
        Some(tenant) => match core.id(tenant).await? {
            None => return Ok(None),
            known => known,
        },
    };
    for tenant in tenants(tx, tenant).await? {
        if let Some(master) = masters::read(core, tx, tenant, &[id]).await?.pop().flatten() {
            let sources = masters::sources_of(core, tx, tenant, &[id]).await?.pop().unwrap_or_default();
            return Ok(Some(MasterStory {
                tenant: name_of(tx, tenant).await?,
                master,
                covers: covers_of(tx, &sources).await?,
                sources,
                crosswalk: masters::crosswalk_of(core, tx, tenant, &[id]).await?.pop().unwrap_or_default(),
                journal: journal_of(tx, tenant, id).await?,
            }));
        }
    }
    Ok(None)
}

/// The name of a tenant that has masters.
async fn name_of(tx: &Transaction, tenant: i64) -> Result<Arc<str>, Failure> {
    let row = tx.query("SELECT text FROM words WHERE id = $1", &[&tenant]).await?;
    let name: &str = row.first().map(|row| get(row, 0)).transpose()?.unwrap_or_default();
    Ok(Arc::from(name))
}

/// What the mappings of some sources cover, by version.
async fn covers_of(tx: &Transaction, sources: &[SourceRow]) -> Result<BTreeMap<Arc<str>, Arc<[String]>>, Failure> {
    let versions: BTreeSet<&str> = sources.iter().map(|source| &*source.mapping).collect();
    let versions: Vec<&str> = versions.into_iter().collect();
    let sql = "SELECT w.text, m.covers FROM mapping_versions m JOIN words w ON w.id = m.version WHERE w.text = ANY($1)";
    let mut covers = BTreeMap::new();
    for row in tx.query(sql, &[&versions]).await? {
        let found: Vec<String> = serde_json::from_str(get(&row, 1)?)?;
        covers.insert(Arc::from(get::<&str>(&row, 0)?), Arc::from(found));
    }
    Ok(covers)
}

async fn journal_of(tx: &Transaction, tenant: i64, id: MasterId) -> Result<Vec<JournalEntry>, Failure> {
    let Some(key) = MasterKey::pack(tenant, id) else { return Ok(Vec::new()) };
    let sql = concat!("SELECT ", journal_columns!(), " FROM journal WHERE master = $1 ORDER BY number DESC LIMIT $2");
    let found = tx.query(sql, &[&key.0, &JOURNAL_MAX]).await?;
    let mut journal = tx.core().read(&found, rows::journal).await?;
    journal.reverse();
    Ok(journal)
}

/// Masters in a listing, in order; those that are not there are left out.
pub(super) async fn summaries(tx: &Transaction, keys: &[MasterKey]) -> Result<Vec<MasterSummary>, Failure> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    const CROSSWALK: &str =
        concat!("SELECT ", crosswalk_columns!(), " FROM crosswalk WHERE master = ANY($1) AND removed = 0");
    let core = tx.core();
    let packed: Vec<i64> = keys.iter().map(|key| key.0).collect();
    let found = tx.query(masters::READ, &[&packed]).await?;
    let found = core.read(&found, |words, row| Ok((get::<i64>(row, 0)?, rows::master(words, row)?))).await?;
    let mut found: HashMap<i64, _> = found.into_iter().collect();
    let crosswalk = tx.query(CROSSWALK, &[&packed]).await?;
    let crosswalk = core.read(&crosswalk, |words, row| Ok((get::<i64>(row, 3)?, rows::crosswalk(words, row)?))).await?;
    let mut known: HashMap<i64, Vec<CrosswalkRow>> = HashMap::new();
    for (key, row) in crosswalk {
        known.entry(key).or_default().push(row);
    }
    let mut summaries = Vec::with_capacity(keys.len());
    for key in keys {
        let Some(master) = found.remove(&key.0) else { continue };
        let mut rows = known.remove(&key.0).unwrap_or_default();
        rows.sort_by(|a, b| a.local.cmp(&b.local));
        summaries.push(MasterSummary {
            master_id: key.id(),
            entity: master.entity,
            version: master.version,
            state: master.state,
            root: master.root,
            document: RawValue::from_string(master.document.into())?,
            systems: rows.into_iter().map(|row| (row.local.system, row.local.key)).collect(),
        });
    }
    Ok(summaries)
}

/// The tenants that have masters, or the one that was asked for.
pub(super) async fn tenants(tx: &Transaction, only: Option<i64>) -> Result<Vec<i64>, Failure> {
    if let Some(tenant) = only {
        return Ok(vec![tenant]);
    }
    // One look-up per tenant, whatever the number of masters.
    let mut tenants = Vec::new();
    let mut after = -1_i64;
    loop {
        let row = tx.query_one("SELECT min(master) FROM search_texts WHERE master > $1", &[&after]).await?;
        let Some(first) = get::<Option<i64>>(&row, 0)? else { return Ok(tenants) };
        let tenant = MasterKey(first).tenant();
        tenants.push(tenant);
        after = MasterKey::range(tenant).1;
    }
}

/// The masters of a tenant that have all words: as whole ones, or only as parts of words.
pub(super) async fn with_words(
    tx: &Transaction,
    tenant: i64,
    words: &[&str],
    whole: bool,
    count_max: i64,
) -> Result<Vec<MasterKey>, Failure> {
    let sql = "SELECT t.master FROM (
             SELECT master, text FROM search_texts WHERE master BETWEEN $1 AND $2 ORDER BY master LIMIT 5000000) AS t
         WHERE NOT EXISTS (SELECT 1 FROM unnest($3::text[]) AS word WHERE strpos(t.text, word) = 0)
           AND $4 = NOT EXISTS (
               SELECT 1 FROM unnest($3::text[]) AS word WHERE strpos(' ' || t.text || ' ', ' ' || word || ' ') = 0)
         ORDER BY t.master LIMIT $5";
    let (from, to) = MasterKey::range(tenant);
    let found = tx.query(sql, &[&from, &to, &words, &whole, &count_max]).await?;
    found.iter().map(|row| Ok(MasterKey(get(row, 0)?))).collect()
}

/// The masters that a system knows, or knew, under this key.
pub(super) async fn with_key(tx: &Transaction, key: &str) -> Result<BTreeSet<MasterKey>, Failure> {
    let sql = "SELECT master FROM crosswalk WHERE key = $1 UNION SELECT master FROM sources WHERE key = $1";
    let found = tx.query(sql, &[&kept(key)]).await?;
    found.iter().map(|row| Ok(MasterKey(get(row, 0)?))).collect()
}
