//! A store of an earlier version keeps what it has.

use master::matching::Bits;
use store::sqlite::{SqliteOptions, SqliteStore};
use store::{DeliverStore, Delivered, MatchStore, NewTask, TaskFilter, TaskStore};

/// The schema before tasks had a rank.
const BEFORE: [&str; 7] = [
    include_str!("../../migrations/sqlite/0001_the_house.sql"),
    include_str!("../../migrations/sqlite/0002_documents_of_a_customer.sql"),
    include_str!("../../migrations/sqlite/0003_parked_deliveries_release_themselves.sql"),
    include_str!("../../migrations/sqlite/0004_what_was_delivered_before.sql"),
    include_str!("../../migrations/sqlite/0005_a_backlog_per_system.sql"),
    include_str!("../../migrations/sqlite/0006_what_was_published.sql"),
    include_str!("../../migrations/sqlite/0007_attached_files.sql"),
];

/// A store at that schema in which so many tasks were asked, of which the last is gone and the one before is open.
fn earlier(file: &std::path::Path, tasks: u64) {
    let connection = rusqlite::Connection::open(file).unwrap();
    for migration in BEFORE {
        connection.execute_batch(migration).unwrap();
    }
    connection.pragma_update(None, "application_id", 0x5053_524c).unwrap();
    connection.pragma_update(None, "user_version", BEFORE.len() as i64).unwrap();
    connection.execute_batch("INSERT INTO words (id, text) VALUES (5, 'acme'), (6, 'crm')").unwrap();
    for number in 1..=tasks {
        let sql = "INSERT INTO tasks (tenant, subject, code, question, system, since) VALUES (5, ?1, 'c', 'q', 6, 7)";
        connection.execute(sql, [format!("s{number}")]).unwrap();
    }
    connection.execute("DELETE FROM tasks WHERE number <> ?1", [tasks.saturating_sub(1).cast_signed()]).unwrap();
}

#[tokio::test]
async fn open_tasks_keep_their_numbers_and_none_is_given_twice() {
    for tasks in [0_u64, 1, 5] {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("store.sqlite");
        earlier(&file, tasks);
        let store = SqliteStore::open(&file, SqliteOptions::default()).unwrap();
        let open = store.tasks(&TaskFilter::default()).await.unwrap();
        let expected: Vec<_> =
            tasks.checked_sub(1).filter(|number| *number > 0).map(|number| (number, 0)).into_iter().collect();
        let told: Vec<_> = open.iter().map(|task| (task.number, task.rank)).collect();
        assert_eq!(told, expected, "of {tasks}");
        let new = NewTask { subject: "new".to_owned(), system: "crm".into(), rank: 1, ..NewTask::default() };
        let end = Delivered { tasks: vec![new], ..Delivered::default() };
        store.finish_attempt("acme", "crm", None, end).await.unwrap();
        assert_eq!(store.tasks(&TaskFilter::default()).await.unwrap()[0].number, tasks + 1, "of {tasks}");
    }
}

/// The schema before links stood apart from what a record has shown.
const BEFORE_LINKS: [&str; 2] =
    [include_str!("../../migrations/sqlite/0008_tasks.sql"), include_str!("../../migrations/sqlite/0009_matching.sql")];

#[tokio::test]
async fn whom_a_record_resembles_is_known_as_before() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("store.sqlite");
    earlier(&file, 0);
    let connection = rusqlite::Connection::open(&file).unwrap();
    for migration in BEFORE_LINKS {
        connection.execute_batch(migration).unwrap();
    }
    connection.pragma_update(None, "user_version", (BEFORE.len() + BEFORE_LINKS.len()) as i64).unwrap();
    // Twelve bytes: the other record's number, and the bits.
    let link = [0_u8, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0x27, 0x10];
    for (number, links) in [(1_i64, Some(&link[..])), (2, None)] {
        connection
            .execute(
                "INSERT INTO match_records (record, system, key, master, home, evidence, links)
                 VALUES (5 << 40 | ?1, 6, 'C' || ?1, 5 << 40 | ?1, 5 << 40 | ?1, '{}', ?2)",
                rusqlite::params![number, links],
            )
            .unwrap();
    }
    drop(connection);
    let store = SqliteStore::open(&file, SqliteOptions::default()).unwrap();
    let records = store.match_records_after("acme", 0, 9).await.unwrap();
    let told: Vec<_> = records.iter().map(|record| (record.number, &*record.links)).collect();
    assert_eq!(told, [(1, &[(2, Bits(10_000))][..]), (2, &[])]);
}
