//! The search box: one text, whatever it is the name of.

use std::collections::HashSet;

use master::MasterId;

use super::failure::Failure;
use super::pool::Parameter;
use super::rows::{self, drop_columns, get, reject_columns, waiting_status_columns};
use super::text::kept;
use super::transaction::Transaction;
use super::{listing, story};
use crate::Hit;
use crate::value::MasterKey;

/// At most this many hits.
const HITS_MAX: usize = 50;
/// The same, for statements.
const LIMIT: i64 = 50;

/// See [`crate::OperateStore::find`]. What is named exactly comes before what only contains the text.
pub(super) async fn find(tx: &Transaction, tenant: Option<&str>, text: &str) -> Result<Vec<Hit>, Failure> {
    let text = text.trim();
    let tenant_id = match tenant {
        None => None,
        Some(tenant) => match tx.core().id(tenant).await? {
            None => return Ok(Vec::new()),
            known => known,
        },
    };
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let mut search = Search { tx, tenant: tenant_id, hits: Vec::new(), shown: HashSet::new() };
    search.message(text).await?;
    search.master_id(text).await?;
    if let Ok(number) = text.parse::<i64>() {
        search.add_drops(DROPS_BY_NUMBER, &[&number]).await?;
    }
    search.key(text).await?;
    search.add_drops(DROPS_BY_NAME, &[&kept(text)]).await?;
    search.words(text).await?;
    search.add_drops(DROPS_BY_PART, &[&kept(&text.to_lowercase())]).await?;
    Ok(search.hits)
}

macro_rules! drops_where {
    ($condition:literal) => {
        concat!(
            "SELECT ",
            drop_columns!(),
            " FROM drops d JOIN streams s ON s.id = d.stream WHERE ($1::bigint IS NULL OR d.tenant = $1) AND ",
            $condition,
            " ORDER BY d.number DESC LIMIT $2"
        )
    };
}

const DROPS_BY_NUMBER: &str = drops_where!("d.number = $3");
const DROPS_BY_NAME: &str = drops_where!("d.name = $3");
/// The newest ten thousand drops are searched by a part of their names.
const DROPS_BY_PART: &str =
    drops_where!("d.number > (SELECT coalesce(max(number), 0) FROM drops) - 10000 AND strpos(lower(d.name), $3) > 0");

macro_rules! rejects_where {
    ($condition:literal) => {
        concat!(
            "SELECT ",
            reject_columns!(),
            " FROM rejects r JOIN streams s ON s.id = r.stream WHERE ($1::bigint IS NULL OR r.tenant = $1) AND ",
            $condition,
            " ORDER BY r.number DESC LIMIT $2"
        )
    };
}

const REJECTS_AT: &str = rejects_where!("r.drop_number = $3 AND r.ordinal = $4");
const REJECTS_BY_KEY: &str = rejects_where!("r.key = $3");

macro_rules! waiting_where {
    ($condition:literal) => {
        concat!(
            "SELECT ",
            waiting_status_columns!(),
            " FROM waiting WHERE ($1::bigint IS NULL OR tenant = $1) AND ",
            $condition,
            " ORDER BY number LIMIT $2"
        )
    };
}

const WAITING_AT: &str = waiting_where!("drop_number = $3 AND ordinal = $4");
const WAITING_BY_KEY: &str = waiting_where!("key = $3");
const WAITING_BY_NEED: &str = waiting_where!("needs_key = $3");

/// What a hit stands for, so that nothing is shown twice.
#[derive(PartialEq, Eq, Hash)]
enum Shown {
    Master(i64),
    Drop(u64),
    Reject(u64),
    Waiting(u64),
}

struct Search<'a> {
    tx: &'a Transaction,
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

    async fn add_masters(&mut self, keys: impl IntoIterator<Item = MasterKey>) -> Result<(), Failure> {
        let mine = |key: &MasterKey| self.tenant.is_none_or(|tenant| key.tenant() == tenant);
        let new = |key: &MasterKey| !self.shown.contains(&Shown::Master(key.0));
        let keys: Vec<MasterKey> = keys.into_iter().filter(|key| mine(key) && new(key)).take(HITS_MAX).collect();
        if self.is_full() {
            return Ok(());
        }
        let found = story::summaries(self.tx, &keys).await?;
        // Summaries come in the order of the keys; a master that is not there has none.
        let mut keys = keys.into_iter();
        for summary in found {
            if let Some(key) = keys.find(|key| key.id() == summary.master_id) {
                self.add(Shown::Master(key.0), Hit::Master(summary));
            }
        }
        Ok(())
    }

    /// Runs a statement whose first parameters are the tenant and the limit.
    async fn rows(&self, sql: &'static str, asked: &[Parameter<'_>]) -> Result<Vec<tokio_postgres::Row>, Failure> {
        let fixed: [Parameter<'_>; 2] = [&self.tenant, &LIMIT];
        let parameters: Vec<Parameter<'_>> = fixed.into_iter().chain(asked.iter().copied()).collect();
        self.tx.query(sql, &parameters).await
    }

    async fn add_drops(&mut self, sql: &'static str, asked: &[Parameter<'_>]) -> Result<(), Failure> {
        let found = self.rows(sql, asked).await?;
        for drop in self.tx.core().read(&found, rows::drop_status).await? {
            self.add(Shown::Drop(drop.number), Hit::Drop(drop));
        }
        Ok(())
    }

    async fn add_rejects(&mut self, sql: &'static str, asked: &[Parameter<'_>]) -> Result<(), Failure> {
        let found = self.rows(sql, asked).await?;
        for reject in self.tx.core().read(&found, rows::reject).await? {
            self.add(Shown::Reject(reject.number), Hit::Reject(reject));
        }
        Ok(())
    }

    async fn add_waiting(&mut self, sql: &'static str, asked: &[Parameter<'_>]) -> Result<(), Failure> {
        let found = self.rows(sql, asked).await?;
        for waiting in self.tx.core().read(&found, rows::waiting_status).await? {
            self.add(Shown::Waiting(waiting.number), Hit::Waiting(waiting));
        }
        Ok(())
    }

    /// A message id: `tenant/system/stream/drop/ordinal/hash` of an observation, `tenant/m7/v42` of a change.
    async fn message(&mut self, text: &str) -> Result<(), Failure> {
        let core = self.tx.core();
        if let Some((tenant, id)) = change_id(text) {
            let key = core.id(tenant).await?.and_then(|tenant| MasterKey::pack(tenant, id));
            return self.add_masters(key).await;
        }
        let Some((stream, drop, ordinal)) = observation_id(text) else { return Ok(()) };
        let Some(status) = listing::drops_by_number(self.tx, &[drop]).await?.pop() else { return Ok(()) };
        let key = &status.stream;
        let mine = self.tenant.is_none() || self.tenant == core.id(&key.tenant).await?;
        if !mine || format!("{}/{}/{}", key.tenant, key.system, key.stream) != stream {
            return Ok(());
        }
        let sql = "SELECT DISTINCT master FROM journal WHERE drop_number = $1 AND ordinal = $2 AND master IS NOT NULL";
        let found = self.tx.query(sql, &[&drop, &ordinal]).await?;
        let masters = found.iter().map(|row| Ok(MasterKey(get(row, 0)?))).collect::<Result<Vec<_>, Failure>>()?;
        self.add_masters(masters).await?;
        self.add_rejects(REJECTS_AT, &[&drop, &ordinal]).await?;
        self.add_waiting(WAITING_AT, &[&drop, &ordinal]).await?;
        self.add(Shown::Drop(status.number), Hit::Drop(status));
        Ok(())
    }

    async fn master_id(&mut self, text: &str) -> Result<(), Failure> {
        let Ok(id) = text.parse::<MasterId>() else { return Ok(()) };
        let tenants = story::tenants(self.tx, self.tenant).await?;
        self.add_masters(tenants.into_iter().filter_map(|tenant| MasterKey::pack(tenant, id))).await
    }

    /// A system's own key, of whatever system.
    async fn key(&mut self, text: &str) -> Result<(), Failure> {
        let masters = story::with_key(self.tx, text).await?;
        self.add_masters(masters).await?;
        let text = kept(text);
        self.add_waiting(WAITING_BY_KEY, &[&text]).await?;
        self.add_waiting(WAITING_BY_NEED, &[&text]).await?;
        self.add_rejects(REJECTS_BY_KEY, &[&text]).await
    }

    /// Names and numbers that people look for: all words of the text, those that have them as whole words first.
    async fn words(&mut self, text: &str) -> Result<(), Failure> {
        let text = kept(text).to_lowercase();
        let words: Vec<&str> = text.split_whitespace().collect();
        let tenants = story::tenants(self.tx, self.tenant).await?;
        for whole in [true, false] {
            for tenant in &tenants {
                let found = story::with_words(self.tx, *tenant, &words, whole, LIMIT).await?;
                self.add_masters(found).await?;
            }
        }
        Ok(())
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
