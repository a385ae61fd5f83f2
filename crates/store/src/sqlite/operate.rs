//! Operate on SQLite: the calls, and the commands.

use async_trait::async_trait;
use jiff::Timestamp;
use master::MasterId;
use rusqlite::{OptionalExtension, params};

use super::dictionary::Session;
use super::failure::Failure;
use super::unpark::unpark;
use super::value::nanoseconds;
use super::{SqliteStore, find, listing, rows, story};
use crate::{
    Command, Counts, DropNumber, DropStatus, Filter, Hit, JournalEntry, MasterStory, MasterSummary, OperateStore,
    ParkedStatus, RejectStatus, StoreError, StreamStatus, TargetStatus, WaitingStatus,
};

#[async_trait]
impl OperateStore for SqliteStore {
    async fn streams(&self, filter: &Filter) -> Result<Vec<StreamStatus>, StoreError> {
        self.listing(filter, listing::streams).await
    }

    async fn drops(&self, filter: &Filter) -> Result<Vec<DropStatus>, StoreError> {
        self.listing(filter, listing::drops).await
    }

    async fn targets(&self, filter: &Filter) -> Result<Vec<TargetStatus>, StoreError> {
        self.listing(filter, listing::targets).await
    }

    async fn rejects(&self, filter: &Filter) -> Result<Vec<RejectStatus>, StoreError> {
        self.listing(filter, listing::rejects).await
    }

    async fn parked(&self, filter: &Filter) -> Result<Vec<ParkedStatus>, StoreError> {
        self.listing(filter, listing::parked).await
    }

    async fn parked_behind(&self, number: u64) -> Result<Vec<ParkedStatus>, StoreError> {
        self.core.read(move |session| listing::parked_behind(session, number)).await
    }

    async fn unpark(&self, numbers: &[u64], requeue: bool, at: Timestamp) -> Result<(), StoreError> {
        let numbers = numbers.to_vec();
        if self
            .core
            .write_changes(self.fence.as_ref(), move |session, outbox| unpark(session, outbox, &numbers, requeue, at))
            .await?
        {
            self.core.outbox_has_more();
        }
        Ok(())
    }

    async fn waiting(&self, filter: &Filter) -> Result<Vec<WaitingStatus>, StoreError> {
        self.listing(filter, listing::waiting).await
    }

    async fn masters(&self, filter: &Filter) -> Result<Vec<MasterSummary>, StoreError> {
        self.listing(filter, story::masters).await
    }

    async fn story(&self, tenant: Option<&str>, master_id: MasterId) -> Result<Option<MasterStory>, StoreError> {
        let tenant = tenant.map(str::to_owned);
        self.core.read(move |session| story::story(session, tenant.as_deref(), master_id)).await
    }

    async fn find(&self, tenant: Option<&str>, text: &str) -> Result<Vec<Hit>, StoreError> {
        let (tenant, text) = (tenant.map(str::to_owned), text.to_owned());
        self.core.read(move |session| find::find(session, tenant.as_deref(), &text)).await
    }

    async fn drop_journal(&self, number: DropNumber, filter: &Filter) -> Result<Vec<JournalEntry>, StoreError> {
        self.listing(filter, move |session, filter| listing::drop_journal(session, number, filter)).await
    }

    async fn counts(&self, filter: &Filter) -> Result<Counts, StoreError> {
        self.listing(filter, listing::counts).await
    }

    async fn submit(&self, command: &Command, at: Timestamp) -> Result<u64, StoreError> {
        let command = command.clone();
        self.core.write(self.fence.as_ref(), move |session| submit(session, &command, at)).await
    }

    async fn pending(&self) -> Result<Vec<(u64, Command)>, StoreError> {
        self.core.read(pending).await
    }

    async fn answer(&self, number: u64, answer: Result<&str, &str>) -> Result<(), StoreError> {
        let (done, text) = match answer {
            Ok(text) => (true, text.to_owned()),
            Err(text) => (false, text.to_owned()),
        };
        self.core.write(self.fence.as_ref(), move |session| answer_with(session, number, done, &text)).await
    }

    async fn answer_of(&self, number: u64) -> Result<Option<Result<String, String>>, StoreError> {
        self.core.read(move |session| answer_of(session, number)).await
    }
}

impl SqliteStore {
    async fn listing<T, F>(&self, filter: &Filter, list: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Session<'_>, &Filter) -> Result<T, Failure> + Send + 'static,
    {
        let filter = filter.clone();
        self.core.read(move |session| list(session, &filter)).await
    }
}

fn submit(session: &Session<'_>, command: &Command, at: Timestamp) -> Result<u64, Failure> {
    let text = serde_json::to_string(command)?;
    session.prepare("INSERT INTO commands (command, at) VALUES (?1, ?2)")?.execute(params![text, nanoseconds(at)])?;
    Ok(session.connection.last_insert_rowid().cast_unsigned())
}

fn pending(session: &Session<'_>) -> Result<Vec<(u64, Command)>, Failure> {
    let mut select = session.prepare("SELECT number, command FROM commands WHERE done IS NULL ORDER BY number")?;
    let mut found = select.query([])?;
    let mut pending = Vec::new();
    while let Some(row) = found.next()? {
        pending.push((rows::number(row, 0)?, serde_json::from_str(row.get_ref(1)?.as_str()?)?));
    }
    Ok(pending)
}

/// The first answer counts.
fn answer_with(session: &Session<'_>, number: u64, done: bool, text: &str) -> Result<(), Failure> {
    session
        .prepare("UPDATE commands SET done = ?2, answer = ?3 WHERE number = ?1 AND done IS NULL")?
        .execute(params![number.cast_signed(), done, text])?;
    Ok(())
}

fn answer_of(session: &Session<'_>, number: u64) -> Result<Option<Result<String, String>>, Failure> {
    let mut select = session.prepare("SELECT done, answer FROM commands WHERE number = ?1 AND done IS NOT NULL")?;
    let found = select.query_row([number.cast_signed()], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    Ok(found.map(|(done, text): (bool, String)| if done { Ok(text) } else { Err(text) }))
}
