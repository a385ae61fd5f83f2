//! Operate on PostgreSQL: the calls, and the commands.

use async_trait::async_trait;
use jiff::Timestamp;
use master::MasterId;

use super::failure::Failure;
use super::rows::{self, get, told};
use super::text::kept;
use super::transaction::{Transaction, transaction};
use super::unpark::unpark;
use super::{PostgresStore, find, listing, story};
use crate::value::nanoseconds;
use crate::{
    Command, Counts, DropNumber, DropStatus, Filter, Hit, JournalEntry, MasterStory, MasterSummary, OperateStore,
    ParkedStatus, RejectStatus, StoreError, StreamStatus, TargetStatus, WaitingStatus,
};

/// Reads one state of the store.
macro_rules! reading {
    ($store:expr, |$transaction:ident| $read:expr) => {{
        let reading = async {
            let $transaction = $crate::postgres::transaction::Transaction::begin_read(&$store.core).await?;
            $read.await
        };
        reading.await.map_err(|failure: $crate::postgres::failure::Failure| failure.at(&$store.core.place))
    }};
}
pub(super) use reading;

#[async_trait]
impl OperateStore for PostgresStore {
    async fn streams(&self, filter: &Filter) -> Result<Vec<StreamStatus>, StoreError> {
        reading!(self, |tx| listing::streams(&tx, filter))
    }

    async fn drops(&self, filter: &Filter) -> Result<Vec<DropStatus>, StoreError> {
        reading!(self, |tx| listing::drops(&tx, filter))
    }

    async fn targets(&self, filter: &Filter) -> Result<Vec<TargetStatus>, StoreError> {
        reading!(self, |tx| listing::targets(&tx, filter))
    }

    async fn rejects(&self, filter: &Filter) -> Result<Vec<RejectStatus>, StoreError> {
        reading!(self, |tx| listing::rejects(&tx, filter))
    }

    async fn parked(&self, filter: &Filter) -> Result<Vec<ParkedStatus>, StoreError> {
        reading!(self, |tx| listing::parked(&tx, filter))
    }

    async fn parked_behind(&self, number: u64) -> Result<Vec<ParkedStatus>, StoreError> {
        reading!(self, |tx| listing::parked_behind(&tx, number))
    }

    async fn unpark(&self, numbers: &[u64], requeue: bool, at: Timestamp) -> Result<(), StoreError> {
        if transaction!(self, |tx| unpark(&tx, numbers, requeue, at))? {
            self.core.outbox_has_more();
        }
        Ok(())
    }

    async fn waiting(&self, filter: &Filter) -> Result<Vec<WaitingStatus>, StoreError> {
        reading!(self, |tx| listing::waiting(&tx, filter))
    }

    async fn masters(&self, filter: &Filter) -> Result<Vec<MasterSummary>, StoreError> {
        reading!(self, |tx| story::masters(&tx, filter))
    }

    async fn story(&self, tenant: Option<&str>, master_id: MasterId) -> Result<Option<MasterStory>, StoreError> {
        reading!(self, |tx| story::story(&tx, tenant, master_id))
    }

    async fn find(&self, tenant: Option<&str>, text: &str) -> Result<Vec<Hit>, StoreError> {
        reading!(self, |tx| find::find(&tx, tenant, text))
    }

    async fn drop_journal(&self, number: DropNumber, filter: &Filter) -> Result<Vec<JournalEntry>, StoreError> {
        reading!(self, |tx| listing::drop_journal(&tx, number, filter))
    }

    async fn counts(&self, filter: &Filter) -> Result<Counts, StoreError> {
        reading!(self, |tx| listing::counts(&tx, filter))
    }

    async fn submit(&self, command: &Command, at: Timestamp) -> Result<u64, StoreError> {
        transaction!(self, |tx| submit(&tx, command, at))
    }

    async fn pending(&self) -> Result<Vec<(u64, Command)>, StoreError> {
        reading!(self, |tx| pending(&tx))
    }

    async fn answer(&self, number: u64, answer: Result<&str, &str>) -> Result<(), StoreError> {
        transaction!(self, |tx| answer_with(&tx, number, answer))
    }

    async fn answer_of(&self, number: u64) -> Result<Option<Result<String, String>>, StoreError> {
        reading!(self, |tx| answer_of(&tx, number))
    }
}

async fn submit(tx: &Transaction, command: &Command, at: Timestamp) -> Result<u64, Failure> {
    let text = serde_json::to_string(command)?;
    let sql = "INSERT INTO commands (command, at) VALUES ($1, $2) RETURNING number";
    rows::number(&tx.query_one(sql, &[&text, &nanoseconds(at)]).await?, 0)
}

async fn pending(tx: &Transaction) -> Result<Vec<(u64, Command)>, Failure> {
    let found = tx.query("SELECT number, command FROM commands WHERE done IS NULL ORDER BY number", &[]).await?;
    found.iter().map(|row| Ok((rows::number(row, 0)?, serde_json::from_str(get(row, 1)?)?))).collect()
}

/// The first answer counts.
async fn answer_with(tx: &Transaction, number: u64, answer: Result<&str, &str>) -> Result<(), Failure> {
    let (done, text) = match answer {
        Ok(text) => (1_i64, text),
        Err(text) => (0, text),
    };
    let sql = "UPDATE commands SET done = $2, answer = $3 WHERE number = $1 AND done IS NULL";
    tx.execute(sql, &[&number.cast_signed(), &done, &kept(text)]).await?;
    Ok(())
}

async fn answer_of(tx: &Transaction, number: u64) -> Result<Option<Result<String, String>>, Failure> {
    let sql = "SELECT done, answer FROM commands WHERE number = $1 AND done IS NOT NULL";
    let Some(row) = tx.query_opt(sql, &[&number.cast_signed()]).await? else { return Ok(None) };
    let text = told(&row, 1)?;
    Ok(Some(if rows::flag(&row, 0)? { Ok(text) } else { Err(text) }))
}
