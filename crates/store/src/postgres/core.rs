//! What all tasks of a process share.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex as StdMutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use tokio::sync::{Mutex, MutexGuard, Notify, OwnedSemaphorePermit, Semaphore};
use tokio_postgres::Row;

use super::PostgresOptions;
use super::connect::{self, Connector};
use super::failure::Failure;
use super::place::Place;
use super::pool::{Link, Pool, Pooled};
use super::words::Words;
use crate::StoreError;

pub(super) struct Core {
    /// Without the password.
    pub place: String,
    pub options: PostgresOptions,
    pub connector: Arc<Connector>,
    pool: Arc<Pool>,
    /// For what is saved at once, whatever transaction is open: words and numbers. Who holds all connections of the pool
    /// still gets those.
    aside: Mutex<Option<Link>>,
    /// Resolutions read what is apart from their transaction while they hold a connection: some are left for that.
    resolutions: Arc<Semaphore>,
    pub words: Words,
    pub covers: Covers,
    /// Told when the outbox may have something again.
    pub outbox: Notify,
    /// Told when others are to be told of it.
    pub spread: Notify,
    pub locks: LockRoom,
    rows_differ: AtomicBool,
}

impl Core {
    pub fn new(url: &str, options: PostgresOptions) -> Result<Arc<Core>, StoreError> {
        let place = Place::parse(url, &options)?;
        let shown = place.shown.clone();
        let connector = Arc::new(Connector::new(place, &options)?);
        let wait = Duration::from_millis(options.wait_ms_max);
        let pool = Pool::new(Arc::clone(&connector), options.connections_max, wait, shown.clone());
        Ok(Arc::new(Core {
            place: shown,
            connector,
            pool,
            aside: Mutex::default(),
            resolutions: Arc::new(Semaphore::new((options.connections_max / 2).max(1))),
            words: Words::default(),
            covers: Covers::default(),
            outbox: Notify::new(),
            spread: Notify::new(),
            locks: LockRoom::default(),
            rows_differ: AtomicBool::new(false),
            options,
        }))
    }

    /// A connection for statements that need no transaction.
    pub async fn link(&self) -> Result<Pooled, Failure> {
        self.pool.take().await
    }

    /// Waits for the turn of a resolution.
    pub async fn resolution_turn(&self) -> Result<OwnedSemaphorePermit, Failure> {
        let turn = Arc::clone(&self.resolutions).acquire_owned().await;
        turn.map_err(|_| StoreError::Unreachable("the store is closed".to_owned()).into())
    }

    /// The connection for words and numbers.
    pub async fn aside(&self) -> Result<Aside<'_>, Failure> {
        let mut aside = self.aside.lock().await;
        if aside.as_ref().is_none_or(Link::is_lost) {
            let client = self.connector.connect(None).await?;
            // Whoever uses these words and numbers commits later and durably, which makes all that came before durable.
            client.batch_execute("SET synchronous_commit TO off").await?;
            *aside = Some(Link::new(client));
        }
        Ok(Aside(aside))
    }

    /// Refuses a server that cannot be used, and learns how many locks it has room for.
    pub async fn check_server(&self) -> Result<(), StoreError> {
        let checking = async {
            let link = self.link().await?;
            connect::check(link.client(), &self.place).await?;
            let sql = "SELECT current_setting('max_locks_per_transaction')::bigint
                       * (current_setting('max_connections')::bigint + current_setting('max_prepared_transactions')::bigint)";
            let room: i64 = link.query_one(sql, &[]).await?.get(0);
            self.locks.learn(room);
            Ok(())
        };
        checking.await.map_err(|failure: Failure| failure.at(&self.place))
    }

    /// The number of a word; `None` when no row can carry it.
    pub async fn id(&self, text: &str) -> Result<Option<i64>, Failure> {
        self.know([text]).await?;
        Ok(self.words.id(text))
    }

    /// Learns the numbers of words, as far as they have some.
    pub async fn know<'a>(&self, texts: impl IntoIterator<Item = &'a str>) -> Result<(), Failure> {
        let unknown = self.words.unknown(texts);
        if unknown.is_empty() { Ok(()) } else { self.words.look_up(&*self.aside().await?, &unknown).await }
    }

    /// Gives numbers to words that have none.
    pub async fn intern<'a>(&self, texts: impl IntoIterator<Item = &'a str>) -> Result<(), Failure> {
        let unknown = self.words.unknown(texts);
        if unknown.is_empty() { Ok(()) } else { self.words.save(&*self.aside().await?, &unknown).await }
    }

    /// The number of a word, new if need be.
    pub async fn intern_one(&self, text: &str) -> Result<i64, Failure> {
        self.intern([text]).await?;
        self.words.must(text)
    }

    /// Reads rows; learns words that this process has not come across yet.
    pub async fn read<T>(
        &self,
        rows: &[Row],
        read: impl Fn(&Words, &Row) -> Result<T, Failure>,
    ) -> Result<Vec<T>, Failure> {
        let once = || rows.iter().map(|row| read(&self.words, row)).collect::<Result<Vec<T>, Failure>>();
        match once() {
            Err(Failure::UnknownWord(_)) => {
                self.words.read_all(&*self.aside().await?).await?;
                once()
            }
            outcome => outcome,
        }
    }

    /// Whether rows that nobody knows are taken for new.
    pub fn rows_are_as_told(&self) -> bool {
        !self.rows_differ.load(Ordering::Relaxed)
    }

    /// A row that was there although nobody knew it: somebody wrote it otherwise, so from now on every row may be there.
    pub fn conflict_of_rows(&self, failure: Failure) -> Failure {
        if !failure.is_duplicate() {
            return failure;
        }
        self.rows_differ.store(true, Ordering::Relaxed);
        let reason = format!("{}: a row that was taken for new is there already", self.place);
        StoreError::Conflict(reason).into()
    }

    /// Tells relays that the outbox has something again, here and in other processes.
    pub fn outbox_has_more(&self) {
        self.outbox_heard();
        self.spread.notify_one();
    }

    /// Tells the relays of this process that the outbox has something again.
    pub fn outbox_heard(&self) {
        // Both, because a relay may be on its way to wait.
        self.outbox.notify_waiters();
        self.outbox.notify_one();
    }
}

/// The connection for words and numbers, for one user at a time.
pub(super) struct Aside<'a>(MutexGuard<'a, Option<Link>>);

impl std::ops::Deref for Aside<'_> {
    type Target = Link;

    fn deref(&self) -> &Link {
        match &*self.0 {
            Some(link) => link,
            None => unreachable!("it was connected before it was lent"),
        }
    }
}

/// What mapping versions cover, as far as it was asked or saved.
#[derive(Default)]
pub(super) struct Covers(RwLock<HashMap<Arc<str>, Arc<[String]>>>);

impl Covers {
    pub fn get(&self, version: &str) -> Option<Arc<[String]>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(version).cloned()
    }

    pub fn insert(&self, version: Arc<str>, covers: Arc<[String]>) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(version, covers);
    }
}

/// How many locks the server has room for, in all its sessions together.
#[derive(Default)]
pub(super) struct LockRoom {
    room: AtomicI64,
    /// Until when resolutions of a tenant come one after another, because the server ran out of locks.
    short_until: StdMutex<Option<Instant>>,
}

/// After the server ran out of locks.
const SHORT_FOR: Duration = Duration::from_secs(60);

impl LockRoom {
    fn learn(&self, room: i64) {
        self.room.store(room, Ordering::Relaxed);
    }

    /// Whether so many locks, and as many of another one, can be held at once.
    pub fn has_room_for(&self, locks: usize) -> bool {
        let room = self.room.load(Ordering::Relaxed);
        let is_short = self.short_until.lock().unwrap_or_else(PoisonError::into_inner);
        let is_short = is_short.is_some_and(|until| Instant::now() < until);
        !is_short && i64::try_from(locks).is_ok_and(|locks| locks <= room / 2)
    }

    /// Notes that the server ran out of locks.
    pub fn ran_out(&self) {
        tracing::warn!(
            "the server has no room for the locks of a batch; resolutions of a tenant come one after another for a minute: \
             raise max_locks_per_transaction there, or lower resolve_events_max"
        );
        *self.short_until.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now() + SHORT_FOR);
    }
}
