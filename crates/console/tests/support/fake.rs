//! A small company's data behind the operators' contract, for tests and for looking at the console.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use canonical::Entity;
use jiff::{SignedDuration, Timestamp};
use master::MasterId;
use store::{
    Command, Counts, DropEnd, DropNumber, DropStatus, Export, Filter, Hit, JournalEntry, MasterStory, MasterSummary,
    OperateStore, Outcomes, ParkedStage, ParkedStatus, RecordOutcome, RejectStatus, StoreError, StreamKey,
    StreamStatus, TargetState, TargetStatus, TaskClosing, TaskFilter, TaskStatus, TaskStore, TasksClosed,
    WaitingStatus,
};

#[path = "stories.rs"]
mod stories;
#[path = "who.rs"]
mod who;

/// The tenant of everything in it.
pub const TENANT: &str = "maison-verre";

/// The whole state; it changes only by [`Fake::step`] and [`Fake::break_down`].
pub struct Fake(Mutex<State>);

struct State {
    streams: Vec<StreamStatus>,
    drops: Vec<DropStatus>,
    targets: Vec<TargetStatus>,
    rejects: Vec<RejectStatus>,
    parked: Vec<ParkedStatus>,
    waiting: Vec<WaitingStatus>,
    tasks: Vec<TaskStatus>,
    stories: Vec<MasterStory>,
    commands: Vec<Command>,
    mute: bool,
    counts: Counts,
    broken: bool,
}

/// So long ago.
pub fn ago(seconds: i64) -> Timestamp {
    Timestamp::now() - SignedDuration::from_secs(seconds)
}

fn key(system: &str, stream: &str) -> StreamKey {
    StreamKey { tenant: TENANT.into(), system: system.into(), stream: stream.into() }
}

fn outcomes(ended: &[(RecordOutcome, i64)], in_flight: i64) -> Outcomes {
    let read = ended.iter().map(|(_, count)| count).sum::<i64>() + in_flight;
    Outcomes { read, rows: read + 3, ended: ended.iter().copied().collect(), in_flight }
}

fn drop(number: u64, stream: StreamKey, name: &str, export: Export, age: i64, outcomes: Outcomes) -> DropStatus {
    let (begun_at, ended_at) = (ago(age), Some(ago(age - 2)));
    DropStatus {
        number,
        stream,
        name: name.into(),
        export,
        begun_at,
        ended_at,
        end: Some(DropEnd::Accepted),
        duplicate_of: None,
        outcomes,
    }
}

fn drops() -> Vec<DropStatus> {
    use RecordOutcome::{Created, Duplicate, Parked, Rejected, Unchanged, Updated, Waiting};
    let repeated = DropStatus {
        end: Some(DropEnd::Duplicate),
        duplicate_of: Some(41),
        ..drop(
            43,
            key("bank", "statements"),
            "camt053-2026-11-20.xml",
            Export::Delta,
            400,
            outcomes(&[(Duplicate, 12)], 0),
        )
    };
    vec![
        drop(
            45,
            key("crm", "accounts"),
            "2026-11-21T20:40Z",
            Export::Delta,
            40,
            outcomes(&[(Created, 2), (Updated, 5), (Unchanged, 93)], 0),
        ),
        drop(
            44,
            key("billing", "invoices"),
            "F-2026-11.zip",
            Export::Delta,
            95,
            outcomes(&[(Created, 38), (Waiting, 2), (Parked, 1)], 3),
        ),
        repeated,
        drop(
            42,
            key("erp", "customers"),
            "clients-2026-11-21.csv",
            Export::Full,
            620,
            outcomes(&[(Created, 12), (Updated, 40), (Unchanged, 11_482), (Rejected, 3)], 0),
        ),
        drop(
            41,
            key("bank", "statements"),
            "camt053-2026-11-20.xml",
            Export::Delta,
            8_000,
            outcomes(&[(Created, 12)], 0),
        ),
    ]
}

fn streams(drops: &[DropStatus]) -> Vec<StreamStatus> {
    let newest = |system: &str| drops.iter().find(|drop| *drop.stream.system == *system).cloned();
    ["crm", "billing", "bank", "erp"]
        .into_iter()
        .filter_map(newest)
        .map(|drop| StreamStatus {
            stream: drop.stream.clone(),
            last_run: drop.ended_at,
            fault: (*drop.stream.system == *"bank")
                .then(|| "in/camt053-2026-11-21.xml is cut off in line 8123; have the bank send it again".to_owned()),
            total: drop.outcomes.clone(),
            last_drop: Some(drop),
        })
        .collect()
}

fn targets() -> Vec<TargetStatus> {
    let up = |system: &str, delivered, refused, age| TargetStatus {
        tenant: TENANT.into(),
        system: system.into(),
        state: TargetState::Up,
        reason: None,
        since: None,
        delivered,
        refused,
        last_delivery: Some(ago(age)),
    };
    vec![
        up("crm", 4_120, 0, 38),
        up("accounting", 18_344, 2, 12),
        TargetStatus {
            state: TargetState::Down,
            reason: Some("the folder out/warehouse is not mounted; mount it and deliveries go on".into()),
            since: Some(ago(1_260)),
            ..up("warehouse", 9_871, 0, 1_262)
        },
    ]
}

fn rejects() -> Vec<RejectStatus> {
    let reject = |number, line, key: Option<&str>, code: &str, reason: &str, raw: &str| RejectStatus {
        number,
        stream: self::key("erp", "customers"),
        drop: 42,
        file: Some("clients-2026-11-21.csv".into()),
        line: Some(line),
        key: key.map(str::to_owned),
        code: code.into(),
        reason: reason.into(),
        raw: raw.as_bytes().to_vec(),
    };
    vec![
        reject(
            9,
            8_812,
            None,
            "csv.ragged-row",
            "the row has 9 fields and the header has 11; repair it in the ERP, the next export brings it again",
            "C-9921;SARL <b>Moulin</b>;12 rue",
        ),
        reject(
            8,
            4_031,
            Some("C-4030"),
            "customer.siret",
            "identifiers.siret is no SIRET: the check digit is wrong",
            "C-4030;Atelier Nord;73282932000075;…",
        ),
        reject(
            7,
            77,
            Some("C-0076"),
            "csv.unbalanced-quote",
            "a quoted field that begins in this line does not end",
            "C-0076;\"Chez Paul",
        ),
    ]
}

fn parked() -> Vec<ParkedStatus> {
    let refused = ParkedStatus {
        number: 12,
        tenant: TENANT.into(),
        stage: ParkedStage::Delivery,
        system: "accounting".into(),
        key: "m12".into(),
        entity: Entity::Invoice,
        master_id: Some(MasterId(42)),
        version: Some(9_003),
        code: "delivery.rejected".into(),
        reason: Some("422: the period 2026-10 is closed for postings".into()),
        since: ago(900),
        event: br#"{"specversion":"1.0","type":"passerelle.changed.invoice.v1","subject":"F-2026-0042"}"#.to_vec(),
    };
    let behind = ParkedStatus {
        number: 13,
        master_id: Some(MasterId(43)),
        version: Some(9_004),
        reason: None,
        event: Vec::new(),
        ..refused.clone()
    };
    vec![refused, behind]
}

impl Fake {
    pub fn new() -> Self {
        let waiting = |number, key: &str, needs_key: &str| WaitingStatus {
            number,
            system: "billing".into(),
            entity: Entity::Invoice,
            key: key.into(),
            needs_system: "erp".into(),
            needs_key: needs_key.into(),
            drop: 44,
            since: ago(94),
        };
        let task = TaskStatus {
            number: 3,
            tenant: TENANT.into(),
            subject: "delivery/warehouse/m12/9001".into(),
            code: "delivery.unknown".into(),
            question: "A call to the warehouse ended without an answer, and it cannot be asked; does it hold customer m12 at version 9001?".into(),
            system: "warehouse".into(),
            master_id: Some(MasterId(12)),
            other: None,
            rank: 0,
            since: ago(1_262),
            closed: None,
            detail: Some("{\"batch\":\"b-77\"}".into()),
        };
        let drops = drops();
        Fake(Mutex::new(State {
            streams: streams(&drops),
            drops,
            targets: targets(),
            rejects: rejects(),
            parked: parked(),
            waiting: vec![waiting(21, "F-2026-0051", "C-9921"), waiting(22, "F-2026-0052", "C-9921")],
            tasks: vec![task],
            stories: stories::all(),
            commands: Vec::new(),
            mute: false,
            counts: Counts {
                rejects: 3,
                parked: 2,
                waiting: 2,
                tasks: 1,
                outbox: 4,
                outbox_oldest: Some(ago(2)),
                attempts: 1,
                customers: 11_537,
                documents: 24_090,
            },
            broken: false,
        }))
    }

    /// Some records come in and some changes go out.
    pub fn step(&self, records: i64) {
        let mut state = self.state();
        for stream in state.streams.iter_mut().filter(|stream| *stream.stream.system != *"bank") {
            stream.total.read += records;
            stream.total.add(RecordOutcome::Updated, records);
        }
        for target in state.targets.iter_mut().filter(|target| target.state == TargetState::Up) {
            target.delivered += records.unsigned_abs() * 2;
            target.last_delivery = Some(Timestamp::now());
        }
    }

    /// From now on the store does not answer, or answers again.
    #[allow(dead_code, reason = "the example shares this file and never breaks it")]
    pub fn break_down(&self, broken: bool) {
        self.state().broken = broken;
    }

    /// From now on nobody carries out commands, or somebody does.
    #[allow(dead_code, reason = "the example shares this file and leaves no commands")]
    pub fn mute(&self, mute: bool) {
        self.state().mute = mute;
    }

    /// The commands that were left.
    #[allow(dead_code, reason = "the example shares this file and leaves no commands")]
    pub fn commands(&self) -> Vec<Command> {
        self.state().commands.clone()
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer<T>(&self, filter: &Filter, rows: impl Fn(&State) -> Vec<T>) -> Result<Vec<T>, StoreError> {
        let state = self.state();
        if state.broken {
            return Err(StoreError::Unreachable("the disk is gone".into()));
        }
        if filter.tenant.as_deref().is_some_and(|tenant| tenant != TENANT) {
            return Ok(Vec::new());
        }
        let mut rows = rows(&state);
        rows.truncate(if filter.count_max == 0 { 100 } else { filter.count_max });
        Ok(rows)
    }
}

fn narrowed<T: Clone>(rows: &[T], filter: &Filter, system: impl Fn(&T) -> &str) -> Vec<T> {
    let wanted = |row: &&T| filter.system.as_deref().is_none_or(|name| name == system(row));
    rows.iter().filter(wanted).cloned().collect()
}

fn summary(story: &MasterStory) -> MasterSummary {
    let master = &story.master;
    MasterSummary {
        master_id: master.master_id,
        entity: master.entity.clone(),
        version: master.version,
        state: master.state,
        root: master.root,
        document: serde_json::value::RawValue::from_string(master.document.to_string()).unwrap_or_default(),
        systems: story.crosswalk.iter().map(|row| (Arc::clone(&row.local.system), row.local.key.clone())).collect(),
    }
}

fn carries(story: &MasterStory, text: &str) -> bool {
    let keys = || story.crosswalk.iter().any(|row| row.local.key.eq_ignore_ascii_case(text));
    story.master.search.contains(&text.to_lowercase()) || story.master.master_id.to_string() == text || keys()
}

#[async_trait]
impl OperateStore for Fake {
    async fn streams(&self, filter: &Filter) -> Result<Vec<StreamStatus>, StoreError> {
        self.answer(filter, |state| narrowed(&state.streams, filter, |row| &row.stream.system))
    }

    async fn drops(&self, filter: &Filter) -> Result<Vec<DropStatus>, StoreError> {
        self.answer(filter, |state| narrowed(&state.drops, filter, |row| &row.stream.system))
    }

    async fn targets(&self, filter: &Filter) -> Result<Vec<TargetStatus>, StoreError> {
        self.answer(filter, |state| narrowed(&state.targets, filter, |row| &row.system))
    }

    async fn rejects(&self, filter: &Filter) -> Result<Vec<RejectStatus>, StoreError> {
        self.answer(filter, |state| narrowed(&state.rejects, filter, |row| &row.stream.system))
    }

    async fn parked(&self, filter: &Filter) -> Result<Vec<ParkedStatus>, StoreError> {
        self.answer(filter, |state| narrowed(&state.parked, filter, |row| &row.system))
    }

    async fn parked_behind(&self, number: u64) -> Result<Vec<ParkedStatus>, StoreError> {
        self.answer(&Filter::default(), |state| {
            let first = state.parked.iter().find(|row| row.number == number);
            let same = |row: &&ParkedStatus| first.is_some_and(|first| row.key == first.key && row.number >= number);
            state.parked.iter().filter(same).cloned().collect()
        })
    }

    async fn waiting(&self, filter: &Filter) -> Result<Vec<WaitingStatus>, StoreError> {
        self.answer(filter, |state| narrowed(&state.waiting, filter, |row| &row.system))
    }

    async fn masters(&self, filter: &Filter) -> Result<Vec<MasterSummary>, StoreError> {
        self.answer(filter, |state| {
            let wanted = |story: &&MasterStory| {
                let master = &story.master;
                let belongs = |customer| master.root == customer && master.master_id != customer;
                filter.entity.as_ref().is_none_or(|entity| *entity == master.entity)
                    && filter.customer.is_none_or(belongs)
            };
            state.stories.iter().filter(wanted).map(summary).collect()
        })
    }

    async fn story(&self, tenant: Option<&str>, master_id: MasterId) -> Result<Option<MasterStory>, StoreError> {
        let filter = Filter { tenant: tenant.map(str::to_owned), ..Filter::default() };
        let found = self.answer(&filter, |state| {
            state.stories.iter().filter(|story| story.master.master_id == master_id).cloned().collect()
        })?;
        Ok(found.into_iter().next())
    }

    async fn find(&self, tenant: Option<&str>, text: &str) -> Result<Vec<Hit>, StoreError> {
        let filter = Filter { tenant: tenant.map(str::to_owned), ..Filter::default() };
        self.answer(&filter, |state| {
            let masters =
                state.stories.iter().filter(|story| carries(story, text)).map(|story| Hit::Master(summary(story)));
            let named = |drop: &&DropStatus| drop.number.to_string() == text || drop.name == text;
            let drops = state.drops.iter().filter(named).cloned().map(Hit::Drop);
            let rejects = state.rejects.iter().filter(|row| row.key.as_deref() == Some(text)).cloned().map(Hit::Reject);
            let waiting = state.waiting.iter().filter(|row| row.key == text).cloned().map(Hit::Waiting);
            masters.chain(drops).chain(rejects).chain(waiting).collect()
        })
    }

    async fn drop_journal(&self, number: DropNumber, filter: &Filter) -> Result<Vec<JournalEntry>, StoreError> {
        self.answer(filter, |state| {
            let entries = state.stories.iter().flat_map(|story| &story.journal);
            entries.filter(|entry| entry.position.is_some_and(|position| position.drop == number)).cloned().collect()
        })
    }

    async fn counts(&self, filter: &Filter) -> Result<Counts, StoreError> {
        Ok(self.answer(filter, |state| vec![state.counts])?.pop().unwrap_or_default())
    }

    async fn unpark(&self, _: &[u64], _: bool, _: Timestamp) -> Result<(), StoreError> {
        Err(StoreError::Internal("the console never unparks".into()))
    }

    async fn submit(&self, command: &Command, _: Timestamp) -> Result<u64, StoreError> {
        let mut state = self.state();
        state.commands.push(command.clone());
        Ok(state.commands.len() as u64)
    }

    async fn pending(&self) -> Result<Vec<(u64, Command)>, StoreError> {
        Ok(Vec::new())
    }

    async fn answer(&self, _: u64, _: Result<&str, &str>) -> Result<(), StoreError> {
        Err(StoreError::Internal("the console never answers".into()))
    }

    /// As a hub that closes the tasks that are there, judges whatever it is asked to, and refuses whoever is called Nobody.
    async fn answer_of(&self, number: u64) -> Result<Option<Result<String, String>>, StoreError> {
        let state = self.state();
        let command = usize::try_from(number).ok().and_then(|number| state.commands.get(number - 1));
        let command = command.filter(|_| !state.mute);
        if let Some(Command::Judge(_)) = command {
            return Ok(Some(Ok("{\"number\":5,\"records\":[]}".to_owned())));
        }
        if let Some(Command::Override(_)) = command {
            let told = r#"{"master_id":"m12","version":9,"is_changed":true,"units":["legal_name"]}"#;
            return Ok(Some(Ok(told.to_owned())));
        }
        let Some(Command::CloseTasks { numbers, by, .. }) = command else { return Ok(None) };
        if by == "Nobody" {
            return Ok(Some(Err("nobody knows you".to_owned())));
        }
        let is_there = |number: &u64| state.tasks.iter().any(|task| task.number == *number);
        let (closed, missing) = numbers.iter().copied().partition(is_there);
        let closed = TasksClosed { closed, missing, ..TasksClosed::default() };
        Ok(Some(Ok(serde_json::to_string(&closed).unwrap_or_default())))
    }
}

#[async_trait]
impl TaskStore for Fake {
    async fn tasks(&self, filter: &TaskFilter) -> Result<Vec<TaskStatus>, StoreError> {
        let shared = Filter { tenant: filter.tenant.clone(), system: filter.system.clone(), ..Filter::default() };
        let after =
            |task: &TaskStatus| filter.after.is_none_or(|after| (after.order, task.number) > (task.rank, after.number));
        self.answer(&shared, |state| {
            let wanted = |task: &TaskStatus| filter.code.as_ref().is_none_or(|code| *code == task.code) && after(task);
            let mut tasks = narrowed(&state.tasks, &shared, |row| &row.system);
            tasks.retain(|task| wanted(task) && task.closed.is_some() == filter.is_closed);
            tasks
        })
    }

    async fn task_count(&self, filter: &TaskFilter) -> Result<u64, StoreError> {
        Ok(self.tasks(filter).await?.len() as u64)
    }

    async fn tasks_numbered(&self, tenant: Option<&str>, numbers: &[u64]) -> Result<Vec<TaskStatus>, StoreError> {
        let filter = Filter { tenant: tenant.map(str::to_owned), ..Filter::default() };
        self.answer(&filter, |state| {
            state.tasks.iter().filter(|task| numbers.contains(&task.number)).cloned().collect()
        })
    }

    async fn close_tasks(&self, _: Option<&str>, _: &[u64], _: &TaskClosing) -> Result<Vec<u64>, StoreError> {
        Err(StoreError::Internal("the console never closes tasks itself".into()))
    }

    async fn forget_closed_tasks(&self, _: Timestamp, _: usize) -> Result<u64, StoreError> {
        Err(StoreError::Internal("the console never forgets".into()))
    }
}
