//! A question that somebody answers while a hub asks it again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use store::postgres::{PostgresOptions, PostgresStore};
use store::{DeliverStore, Delivered, NewTask, Reopen, TaskFilter, TaskStore};
use tokio_postgres::NoTls;

use super::parallel::TENANT;
use super::server::server;

/// The name of the connections of this test in the server's own views.
const ASKING: &str = "asks again";

async fn ask(store: Arc<PostgresStore>) {
    let task =
        NewTask { subject: "pair".to_owned(), system: "crm".into(), reopen: Reopen::Never, ..NewTask::default() };
    let end = Delivered { tasks: vec![task], ..Delivered::default() };
    store.finish_attempt(TENANT, "crm", None, end).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_comes_at_the_same_moment_counts() {
    let Some(server) = server() else { return };
    let options = PostgresOptions { application_name: ASKING.to_owned(), ..server.options() };
    let store = PostgresStore::open(&server.url(), options.clone()).await.unwrap();
    ask(store.clone()).await;
    let (mut client, connection) = tokio_postgres::connect(&server.url(), NoTls).await.unwrap();
    let connection = tokio::spawn(connection);
    let answer = client.transaction().await.unwrap();
    let sql = format!(
        "UPDATE {}.tasks SET closed_at = 1, closed_by = 'anna', decision = 1, reason = 'why' WHERE closed_at IS NULL",
        options.schema
    );
    assert_eq!(answer.execute(&sql, &[]).await.unwrap(), 1);
    let asking = tokio::spawn(ask(store.clone()));
    let waits = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = '{ASKING}' AND wait_event_type = 'Lock'"
    );
    let begun = Instant::now();
    while server.query("hub", &waits) == "0" {
        assert!(begun.elapsed() < Duration::from_secs(30), "whoever asks does not wait for the answer");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    answer.commit().await.unwrap();
    asking.await.unwrap();
    assert_eq!(store.tasks(&TaskFilter::default()).await.unwrap(), [], "it was answered, and is not asked again");
    let closed = store.tasks(&TaskFilter { is_closed: true, ..TaskFilter::default() }).await.unwrap();
    assert_eq!(closed.len(), 1);
    assert_eq!(store.forget_closed_tasks(Timestamp::MAX, 10).await.unwrap(), 1);
    drop(client);
    connection.await.unwrap().unwrap();
}
