//! Leases on PostgreSQL, by the server's clock.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::PostgresStore;
use super::failure::Failure;
use super::rows::{get, number};
use super::transaction::{Transaction, transaction};
use crate::{Lease, LeaseStatus, LeaseStore, Renewed, Store, StoreError, Worker};

#[async_trait]
impl LeaseStore for PostgresStore {
    async fn renew(&self, worker: &Worker, held: &[Lease], time: Duration) -> Result<Renewed, StoreError> {
        transaction!(self, |tx| renew(&tx, worker, held, time))
    }

    async fn take(
        &self,
        worker: &Worker,
        works: &[Arc<str>],
        count_max: usize,
        time: Duration,
    ) -> Result<Vec<Lease>, StoreError> {
        transaction!(self, |tx| take(&tx, worker, works, count_max, time))
    }

    async fn give_back(&self, leases: &[Lease]) -> Result<(), StoreError> {
        transaction!(self, |tx| give_back(&tx, leases))
    }

    async fn leave(&self, worker: &Worker) -> Result<(), StoreError> {
        transaction!(self, |tx| leave(&tx, worker))
    }

    async fn leases(&self) -> Result<Vec<LeaseStatus>, StoreError> {
        let reading = async {
            let tx = Transaction::begin_read(&self.core).await?;
            let sql =
                "SELECT work, epoch, CASE WHEN until > clock_timestamp() THEN worker END FROM leases ORDER BY work";
            let found = tx.query(sql, &[]).await?;
            let status = |row: &tokio_postgres::Row| {
                let lease = Lease { work: get::<&str>(row, 0)?.into(), epoch: number(row, 1)? };
                Ok(LeaseStatus { lease, worker: get::<Option<&str>>(row, 2)?.map(Arc::from) })
            };
            found.iter().map(status).collect::<Result<_, Failure>>()
        };
        reading.await.map_err(|failure| failure.at(&self.core.place))
    }

    async fn workers(&self) -> Result<Vec<Worker>, StoreError> {
        let reading = async {
            let tx = Transaction::begin_read(&self.core).await?;
            let sql = "SELECT name, kinds FROM workers WHERE until > clock_timestamp() ORDER BY name";
            tx.query(sql, &[]).await?.iter().map(worker_of).collect::<Result<_, Failure>>()
        };
        reading.await.map_err(|failure| failure.at(&self.core.place))
    }

    fn fenced(&self, lease: &Lease) -> Arc<dyn Store> {
        Arc::new(PostgresStore {
            core: Arc::clone(&self.core),
            fence: Some(lease.clone()),
            _listener: self._listener.clone(),
        })
    }
}

/// Refuses to go on when the work is another's; until the end of the transaction nobody else can take it.
pub(super) async fn check(tx: &Transaction, lease: &Lease) -> Result<(), Failure> {
    let sql = "SELECT 1 FROM leases WHERE work = $1 AND epoch = $2 FOR KEY SHARE";
    match tx.query(sql, &[&&*lease.work, &lease.epoch.cast_signed()]).await?.is_empty() {
        true => Err(StoreError::Fenced(lease.work.to_string()).into()),
        false => Ok(()),
    }
}

fn milliseconds(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

async fn renew(tx: &Transaction, worker: &Worker, held: &[Lease], time: Duration) -> Result<Renewed, Failure> {
    tx.execute("DELETE FROM workers WHERE until <= clock_timestamp()", &[]).await?;
    let kinds: String = worker.kinds.iter().flat_map(|kind| [kind, ","]).collect();
    let alive =
        "INSERT INTO workers (name, kinds, until) VALUES ($1, $2, clock_timestamp() + $3::bigint * interval '1 millisecond')
                 ON CONFLICT (name) DO UPDATE SET kinds = excluded.kinds, until = excluded.until";
    tx.execute(alive, &[&&*worker.name, &kinds, &milliseconds(time)]).await?;
    let (works, epochs): (Vec<&str>, Vec<i64>) =
        held.iter().map(|lease| (&*lease.work, lease.epoch.cast_signed())).unzip();
    let prolong = "UPDATE leases SET worker = $3, until = clock_timestamp() + $4::bigint * interval '1 millisecond'
                   FROM unnest($1::text[], $2::bigint[]) AS held (work, epoch)
                   WHERE leases.work = held.work AND leases.epoch = held.epoch RETURNING leases.work";
    let found = tx.query(prolong, &[&works, &epochs, &&*worker.name, &milliseconds(time)]).await?;
    let prolonged = found.iter().map(|row| get::<&str>(row, 0)).collect::<Result<Vec<_>, _>>()?;
    let found = tx.query("SELECT name, kinds FROM workers ORDER BY name", &[]).await?;
    Ok(Renewed {
        held: held.iter().filter(|lease| prolonged.contains(&&*lease.work)).cloned().collect(),
        workers: found.iter().map(worker_of).collect::<Result<_, Failure>>()?,
    })
}

/// A worker, of its name and its kinds of work.
fn worker_of(row: &tokio_postgres::Row) -> Result<Worker, Failure> {
    let kinds: &str = get(row, 1)?;
    let kinds = kinds.split(',').filter(|kind| !kind.is_empty()).map(Arc::from).collect();
    Ok(Worker { name: get::<&str>(row, 0)?.into(), kinds })
}

async fn take(
    tx: &Transaction,
    worker: &Worker,
    works: &[Arc<str>],
    count_max: usize,
    time: Duration,
) -> Result<Vec<Lease>, Failure> {
    let works: Vec<&str> = works.iter().map(|work| &**work).collect();
    let known = "INSERT INTO leases (work, epoch) SELECT work, 0 FROM unnest($1::text[]) AS asked (work)
                 WHERE NOT EXISTS (SELECT 1 FROM leases WHERE leases.work = asked.work)
                 ORDER BY work ON CONFLICT (work) DO NOTHING";
    tx.execute(known, &[&works]).await?;
    // What is locked is under a transaction of somebody who may be suspended, or is being taken: the next round sees.
    let sql = "WITH free AS (
                   SELECT leases.work FROM leases
                   JOIN unnest($1::text[]) WITH ORDINALITY AS asked (work, place) ON asked.work = leases.work
                   WHERE leases.until IS NULL OR leases.until <= clock_timestamp()
                   ORDER BY asked.place LIMIT $2 FOR UPDATE OF leases SKIP LOCKED)
               UPDATE leases SET epoch = epoch + 1, worker = $3, until = clock_timestamp() + $4::bigint * interval '1 millisecond'
               FROM free WHERE leases.work = free.work RETURNING leases.work, leases.epoch";
    let count_max = i64::try_from(count_max).unwrap_or(i64::MAX);
    let found = tx.query(sql, &[&works, &count_max, &&*worker.name, &milliseconds(time)]).await?;
    let lease = |row: &tokio_postgres::Row| Ok(Lease { work: get::<&str>(row, 0)?.into(), epoch: number(row, 1)? });
    let mut taken = found.iter().map(lease).collect::<Result<Vec<Lease>, Failure>>()?;
    taken.sort_by_key(|lease| works.iter().position(|work| **work == *lease.work));
    Ok(taken)
}

async fn give_back(tx: &Transaction, leases: &[Lease]) -> Result<(), Failure> {
    let (works, epochs): (Vec<&str>, Vec<i64>) =
        leases.iter().map(|lease| (&*lease.work, lease.epoch.cast_signed())).unzip();
    let sql =
        "UPDATE leases SET worker = NULL, until = NULL FROM unnest($1::text[], $2::bigint[]) AS held (work, epoch)
               WHERE leases.work = held.work AND leases.epoch = held.epoch";
    tx.execute(sql, &[&works, &epochs]).await?;
    Ok(())
}

async fn leave(tx: &Transaction, worker: &Worker) -> Result<(), Failure> {
    tx.execute("DELETE FROM workers WHERE name = $1", &[&&*worker.name]).await?;
    tx.execute("UPDATE leases SET worker = NULL, until = NULL WHERE worker = $1", &[&&*worker.name]).await?;
    Ok(())
}
