//! PostgreSQL.

use test_servers::{PostgreSql, Stop};

use crate::{accepts, until};

/// A way to end a server.
type End = fn(&mut PostgreSql);

#[test]
fn what_was_committed_survives_every_kind_of_end() {
    let Some(mut server) = PostgreSql::start_new() else { return };
    server.create_database("kept");
    server.execute("kept", "CREATE TABLE seen (number BIGINT)");
    let ends: [(&str, End); 3] = [
        ("fast", |server| server.stop(Stop::Fast)),
        ("immediate", |server| server.stop(Stop::Immediate)),
        ("kill", PostgreSql::kill),
    ];
    for (number, (name, end)) in ends.iter().enumerate() {
        server.execute("kept", &format!("INSERT INTO seen VALUES ({number})"));
        end(&mut server);
        until(&format!("down after {name}"), || !accepts(server.port()));
        server.start();
        assert_eq!(server.execute("kept", "SELECT count(*) FROM seen").trim(), (number + 1).to_string(), "{name}");
    }
    server.restart(Stop::Fast);
    assert_eq!(server.execute("kept", "SELECT max(number) FROM seen").trim(), "2");
}

#[test]
fn settings_hold_and_the_guarded_user_needs_his_password() {
    let Some(server) = PostgreSql::start_new_with(&["max_connections=37"]) else { return };
    assert_eq!(server.execute("postgres", "SHOW max_connections").trim(), "37");
    server.execute("postgres", "CREATE USER guarded PASSWORD 'right'");
    let url = |password| format!("postgres://guarded:{password}@127.0.0.1:{}/postgres", server.port());
    let comes_in = |password| {
        let mut command = std::process::Command::new("psql");
        command.args(["-X", "-w", "-d", &url(password), "-c", "SELECT 1"]).output().unwrap().status.success()
    };
    assert!(comes_in("right"));
    assert!(!comes_in("wrong"));
}
