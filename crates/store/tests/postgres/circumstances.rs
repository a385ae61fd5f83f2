//! Bad circumstances, each with one clear sentence that names the place and what to do, and no password.

use std::process::Command as Program;

use canonical::entity::Entity;
use jiff::Timestamp;
use master::MasterId;
use store::postgres::{PostgresOptions, PostgresStore};
use store::{
    Command, CrosswalkRow, Filter, LocalKey, NewParked, OperateStore, ParkedStage, ResolveStore, Resolved, StoreError,
};

use super::server::{self, server};

async fn refusal(url: &str, options: PostgresOptions) -> StoreError {
    match PostgresStore::open(url, options).await {
        Ok(_) => panic!("this store must not open"),
        Err(error) => {
            assert!(!error.to_string().contains("s3cret"), "{error}");
            error
        }
    }
}

#[tokio::test]
async fn who_is_not_let_in_is_told_why() {
    let Some(server) = server() else { return };
    let port = server.port();
    server.query("hub", "CREATE ROLE locked LOGIN PASSWORD 'right'");
    let closed = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    let cases = [
        (format!("postgres://locked:s3cret@127.0.0.1:{port}/hub"), "correct the user or the password"),
        (format!("postgres://hub:s3cret@127.0.0.1:{port}/nowhere"), "create the database"),
        (format!("postgres://hub:s3cret@127.0.0.1:{closed}/hub"), "is the server running"),
        (format!("postgres://hub:s3cret@127.0.0.1:{port}/hub?sslmode=require"), "does not support TLS"),
        (
            format!("postgres://hub:s3cret@127.0.0.1:{port}/hub?sslmode=verify-full&sslrootcert=/nowhere.pem"),
            "/nowhere.pem",
        ),
        ("postgres://hub:s3cret@/hub?what=1".to_owned(), "postgres://USER:PASSWORD@HOST"),
    ];
    for (url, expected) in cases {
        let error = refusal(&url, server.options()).await;
        // What is not there may come; everything else somebody must correct.
        let is_away = url.contains(&closed.to_string());
        assert!(
            matches!((&error, is_away), (StoreError::Unreachable(_), true) | (StoreError::Refused(_), false)),
            "{error:?}"
        );
        let told = error.to_string();
        assert!(told.contains(expected), "{told}");
    }
    // A user who may log in, and nothing else.
    let error = refusal(&format!("postgres://locked:right@127.0.0.1:{port}/hub"), server.options()).await;
    assert!(matches!(&error, StoreError::Refused(reason) if reason.contains("grant")), "{error}");
}

#[tokio::test]
async fn what_cannot_be_used_is_left_alone() {
    let Some(server) = server() else { return };
    let named = |schema: &str| PostgresOptions { schema: schema.to_owned(), ..PostgresOptions::default() };
    // Another program's tables.
    server.query("hub", "CREATE SCHEMA foreign_tables; CREATE TABLE foreign_tables.notes (text TEXT)");
    let error = refusal(&server.url(), named("foreign_tables")).await;
    assert!(error.to_string().contains("belongs to another program"), "{error}");
    assert_eq!(server.query("hub", "SELECT count(*) FROM pg_tables WHERE schemaname = 'foreign_tables'"), "1");
    // A name that would be a statement.
    let error = refusal(&server.url(), named("x; DROP TABLE y")).await;
    assert!(error.to_string().contains("cannot be the schema"), "{error}");
    // No store yet: a command makes none.
    let options = server.options();
    let beside = PostgresStore::open_beside(&server.url(), options.clone()).await;
    let Err(error) = beside else { panic!("there is no store") };
    assert!(error.to_string().contains("start the hub once"), "{error}");
    assert!(!PostgresStore::is_hub_running(&server.url(), options.clone()).await.unwrap());
    // A store of a newer version.
    drop(PostgresStore::open(&server.url(), options.clone()).await.unwrap());
    let schema = &options.schema;
    server.query("hub", &format!("UPDATE {schema}.schema_version SET version = version + 7"));
    let error = refusal(&server.url(), options.clone()).await;
    assert!(matches!(error, StoreError::Newer { found, known, .. } if found == known + 7), "{error}");
    let beside = PostgresStore::open_beside(&server.url(), options).await;
    assert!(matches!(beside.map(|_| ()), Err(StoreError::Newer { .. })));
}

#[tokio::test]
async fn a_server_that_cannot_be_written_is_told() {
    let Some(server) = server() else { return };
    server.query("postgres", "CREATE DATABASE archive");
    server.query("postgres", "ALTER DATABASE archive SET default_transaction_read_only = on");
    let url = format!("postgres://hub@127.0.0.1:{}/archive", server.port());
    let error = refusal(&url, server.options()).await;
    assert!(matches!(&error, StoreError::Storage { reason, .. } if reason.contains("read-only")), "{error}");
    server.query("postgres", "CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'");
    let error = refusal(&format!("postgres://hub@127.0.0.1:{}/latin", server.port()), server.options()).await;
    assert!(error.to_string().contains("UTF8"), "{error}");
}

#[tokio::test]
async fn hubs_and_commands_share_a_store() {
    let Some(server) = server() else { return };
    let options = server.options();
    let running = async || PostgresStore::is_hub_running(&server.url(), options.clone()).await;
    let first = PostgresStore::open(&server.url(), options.clone()).await.unwrap();
    let second = PostgresStore::open(&server.url(), options.clone()).await.unwrap();
    let beside = PostgresStore::open_beside(&server.url(), options.clone()).await.unwrap();
    assert!(running().await.unwrap());
    let pause = Command::Pause { system: "crm".to_owned() };
    let number = beside.submit(&pause, Timestamp::UNIX_EPOCH).await.unwrap();
    assert_eq!(second.pending().await.unwrap(), [(number, pause)]);
    second.answer(number, Ok("paused")).await.unwrap();
    assert_eq!(beside.answer_of(number).await.unwrap(), Some(Ok("paused".to_owned())));
    drop(first);
    assert!(running().await.unwrap(), "one hub is left");
    drop(second);
    // Its session ends a moment after it.
    let begun = std::time::Instant::now();
    while running().await.unwrap() {
        assert!(begun.elapsed().as_secs() < 30, "a command is no hub");
    }
}

#[tokio::test]
async fn text_that_a_column_cannot_hold_is_kept() {
    let Some(server) = server() else { return };
    let store = PostgresStore::open(&server.url(), server.options()).await.unwrap();
    // And keys beyond what an index of a tree can take, where nothing must be unique.
    let (odd, long) = ("a\0b\u{fdd0}é".to_owned(), "k".repeat(100_000));
    let local = LocalKey { system: "erp".into(), entity: Entity::Customer, key: odd.clone() };
    let row = CrosswalkRow {
        local: local.clone(),
        master_id: MasterId(1),
        holds: None,
        earlier: Vec::new(),
        residue: None,
        version: 0,
        removed: false,
    };
    let parked = |key: &str| NewParked {
        stage: ParkedStage::Observed,
        system: "erp".into(),
        key: key.to_owned(),
        entity: Entity::Customer,
        master_id: None,
        version: None,
        position: None,
        code: "resolve.internal".to_owned(),
        reason: Some(format!("because of {odd}")),
        event: b"\0".to_vec(),
        needs: None,
        task: None,
        at: Timestamp::UNIX_EPOCH,
    };
    let writes =
        Resolved { crosswalk: vec![row.clone()], parked: vec![parked(&odd), parked(&long)], ..Resolved::default() };
    store.begin_resolve("acme").await.unwrap().commit(writes).await.unwrap();
    let mut read = store.begin_resolve("acme").await.unwrap();
    assert_eq!(read.crosswalk(&[local]).await.unwrap(), [Some(row)]);
    let asked = [("erp".into(), odd.clone()), ("erp".into(), long.clone()), ("erp".into(), "k".to_owned())];
    let parked = read.parked_keys(&asked).await.unwrap();
    assert_eq!(parked.iter().map(Vec::len).collect::<Vec<_>>(), [1, 1, 0]);
    let listed = store.parked(&Filter::default()).await.unwrap();
    assert_eq!((&listed[0].key, &listed[1].key), (&odd, &long));
    assert_eq!(listed[0].reason, Some(format!("because of {odd}")));
}

#[tokio::test]
async fn a_certificate_is_verified() {
    let Some(server) = server::start() else { return };
    let file = |name: &str| server.folder().join(name);
    let made = Program::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"])
        .args([
            "-subj",
            "/CN=localhost",
            "-addext",
            "subjectAltName=DNS:localhost",
            "-addext",
            "basicConstraints=critical,CA:FALSE",
            "-keyout",
        ])
        .args([file("key.pem"), "-out".into(), file("certificate.pem")])
        .output();
    if !made.is_ok_and(|made| made.status.success()) {
        eprintln!("SKIPPED: openssl is not installed; TLS to PostgreSQL was not tested");
        return;
    }
    let _ = Program::new("chown").arg("postgres").arg(file("key.pem")).status();
    server.command("stop fast");
    let folder = server.folder().display();
    server.command(&format!(
        "start -c ssl=on -c ssl_cert_file={folder}/certificate.pem -c ssl_key_file={folder}/key.pem"
    ));
    let url = |host: &str, rest: &str| format!("postgres://hub@{host}:{}/postgres?{rest}", server.port());
    let secured = async |url: &str| {
        let store = PostgresStore::open(url, server.options()).await?;
        store.pending().await?;
        let sql = "SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name = 'passerelle'";
        Ok::<_, StoreError>(server.query("postgres", sql) == "t")
    };
    let trusted = format!("sslrootcert={folder}/certificate.pem");
    assert!(secured(&url("localhost", &format!("sslmode=require&{trusted}"))).await.unwrap());
    let unknown = secured(&url("localhost", "sslmode=require")).await.unwrap_err().to_string();
    assert!(unknown.contains("sslrootcert=FILE"), "{unknown}");
    let misnamed = secured(&url("127.0.0.1", &format!("sslmode=require&{trusted}"))).await.unwrap_err().to_string();
    assert!(misnamed.contains("name the server as its certificate does"), "{misnamed}");
}

#[tokio::test]
async fn an_unverified_server_is_only_preferred() {
    let Some(server) = server() else { return };
    // This one has no TLS at all.
    let url = format!("{}?sslmode=prefer", server.url());
    PostgresStore::open(&url, server.options()).await.unwrap();
}
