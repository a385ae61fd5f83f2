//! A hub on PostgreSQL, and everything that can be wrong with a server: one clear line each, and its exit code.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use test_servers::{PostgreSql, Stop};

use crate::directory::{Directory, Ended, command, customers, end, told};
use crate::running::{Running, wait_until};

/// Runs a hub once on a database, with variables over the directory's configuration.
fn run(directory: &Directory, url: &str, variables: &[(&str, &str)]) -> Ended {
    let mut run = command(&["run", &directory.hub(), "--once", "--patience", "10s"]);
    run.env("PASSERELLE__STORE__URL", url).envs(variables.iter().copied());
    end(run)
}

#[test]
fn who_is_not_let_in_hears_why_in_one_line() {
    let Some(server) = PostgreSql::start_new() else { return };
    let directory = Directory::new();
    let url = server.create_database("hub");
    server.execute("postgres", "CREATE ROLE guarded LOGIN PASSWORD 'right'");
    let guarded = url.replace("hub@", "guarded:sesame@");
    let check = |url: &str, exit: i32, code: &str, part: &str| told(run(&directory, url, &[]), exit, code, part);
    let closed = format!("postgres://hub:sesame@127.0.0.1:{}/hub", test_servers::free_port());
    check(&closed, 3, "store.unreachable", "is the server running");
    check(&guarded, 2, "store.refused", "correct the user or the password");
    check(&server.url("nowhere").replace("hub@", "hub:sesame@"), 2, "store.refused", "create the database");
    check("postgres://hub:sesame@127.0.0.1:port/hub", 2, "store.refused", "store.url: invalid port number");
    // No password is asked for here, so a hub without one is let in; one that is not found is told.
    let password = [("PASSERELLE__STORE__PASSWORD__FILE", "secrets/none")];
    told(run(&directory, &url, &password), 2, "store.refused", "store.password");
    // A user who may log in, and not make a schema.
    let weak = url.replace("hub@", "guarded:right@");
    let ended = run(&directory, &weak, &[]);
    told(ended, 2, "store.refused", "grant the right that is missing");
    server.execute("hub", "CREATE SCHEMA passerelle; CREATE TABLE passerelle.notes (text TEXT)");
    check(&url, 2, "store.refused", "belongs to another program");
    assert!(!directory.path("hub/data/store.db").exists(), "the embedded store was made all the same");
}

#[test]
fn a_server_that_cannot_be_written_is_told() {
    let Some(mut server) = PostgreSql::start_new() else { return };
    let directory = Directory::new();
    let url = server.create_database("hub");
    server.execute("postgres", "ALTER DATABASE hub SET default_transaction_read_only = on");
    told(run(&directory, &url, &[]), 3, "store.storage", "it is read-only");
    server.execute("postgres", "ALTER DATABASE hub SET default_transaction_read_only = off");
    assert_eq!(run(&directory, &url, &[]).code, Some(0));
    // A store that a newer version has migrated.
    server.execute("hub", "UPDATE passerelle.schema_version SET version = version + 7");
    told(run(&directory, &url, &[]), 2, "store.newer", "run the newer version");
    server.execute("hub", "UPDATE passerelle.schema_version SET version = version - 7");
    // The same server as a standby of nobody.
    let data = PathBuf::from(server.execute("postgres", "SHOW data_directory").trim());
    server.stop(Stop::Fast);
    std::fs::write(data.join("standby.signal"), "").unwrap();
    server.start();
    told(run(&directory, &url, &[]), 3, "store.storage", "it is a standby server");
}

/// A server that says its version and nothing else: the first messages of the protocol, as the manual's chapter on the
/// message flow has them.
fn server_of_version(version: &'static str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for connection in listener.incoming().map_while(Result::ok) {
            // A client that has heard enough closes.
            let _ = greet(connection, version);
        }
    });
    port
}

fn greet(mut connection: TcpStream, version: &str) -> std::io::Result<()> {
    /// Asks for TLS, and is no beginning of a session.
    const TLS: [u8; 4] = 80_877_103_u32.to_be_bytes();
    loop {
        let mut head = [0; 8];
        connection.read_exact(&mut head)?;
        let length = u32::from_be_bytes([head[0], head[1], head[2], head[3]]);
        let mut rest = vec![0; length.saturating_sub(8) as usize];
        connection.read_exact(&mut rest)?;
        if head[4..] != TLS {
            break;
        }
        connection.write_all(b"N")?;
    }
    let message = |kind: u8, content: &[u8]| {
        let length = u32::try_from(content.len() + 4).unwrap();
        [&[kind], &length.to_be_bytes()[..], content].concat()
    };
    connection.write_all(&message(b'R', &[0; 4]))?;
    connection.write_all(&message(b'S', format!("server_version\0{version}\0").as_bytes()))?;
    connection.write_all(&message(b'K', &[0; 8]))?;
    connection.write_all(&message(b'Z', b"I"))?;
    // Whatever it asks next has no answer.
    let mut nothing = [0; 64];
    while connection.read(&mut nothing)? > 0 {}
    Ok(())
}

#[test]
fn a_server_of_another_time_is_told() {
    let directory = Directory::new();
    let url = format!("postgres://hub:sesame@127.0.0.1:{}/hub", server_of_version("12.22 (Debian 12.22-1)"));
    told(run(&directory, &url, &[]), 2, "store.refused", "is PostgreSQL 12.22 (Debian 12.22-1)");
    let mut beside = command(&["customers", "list", "--dir", &directory.hub()]);
    beside.env("PASSERELLE__STORE__URL", &url);
    told(end(beside), 2, "store.refused", "needs 13 or newer");
}

#[test]
fn a_running_hub_waits_for_a_server_that_goes_and_says_so_once() {
    let Some(mut server) = PostgreSql::start_new() else { return };
    let directory = Directory::new();
    directory.edit("hub/systems/erp.toml", "\"10s\"", "\"500ms\"");
    let url = server.create_database("hub");
    let hub = Running::start_with(
        &directory,
        &[("PASSERELLE__STORE__URL", &url), ("PASSERELLE__LIMITS__RETRY_DELAY_MAX", "500ms")],
    );
    let drop_file = |name: &str, rows: &[(&str, &str, &str)]| {
        directory.write(&format!("hub/in/erp/{name}"), customers(rows));
    };
    drop_file("customers-1.csv", &[("1", "Martin", "Rennes")]);
    wait_until("the first customer is not delivered", || directory.written().contains("Martin"));
    server.stop(Stop::Immediate);
    let told = hub.line_with("the hub waits for the store");
    assert!(told.contains("127.0.0.1"), "{told}");
    drop_file("customers-2.csv", &[("1", "Martin", "Rennes"), ("2", "Durand", "Brest")]);
    // For several rounds of tries nothing more is said of it.
    let said = hub.lines_until("no such line", Duration::from_secs(5)).unwrap_err();
    assert!(said.iter().all(|line| !line.contains("WARN") && !line.contains("ERROR")), "{said:#?}");
    server.start();
    hub.line_with("the store is back");
    wait_until("the second customer is not delivered", || directory.written().contains("Durand"));
    assert_eq!(directory.written().matches("Martin").count(), 1);
    assert_eq!(hub.stop("-TERM"), 0);
}

/// A small disk of its own. It goes with this value, and with the test process, however that ends.
struct Disk {
    keeper: Child,
    folder: PathBuf,
}

impl Disk {
    /// Mounts one for the server; `None`, said aloud, where that is not allowed.
    fn mount(folder: &Path, size: &str) -> Option<Self> {
        const KEEPER: &str = "mkdir -p \"$1\" && mount -t tmpfs -o size=\"$2\" tmpfs \"$1\" && chown postgres \"$1\" \
                              && echo mounted; read -r _; umount -l \"$1\"";
        let mut keeper = Command::new("sh");
        keeper.args(["-c", KEEPER, "disk"]).arg(folder).arg(size).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut keeper = keeper.stderr(Stdio::null()).spawn().unwrap();
        let mut said = [0; 7];
        let is_mounted = keeper.stdout.as_mut().unwrap().read_exact(&mut said).is_ok() && &said == b"mounted";
        let disk = Disk { keeper, folder: folder.to_owned() };
        if is_mounted {
            return Some(disk);
        }
        #[expect(clippy::print_stderr, reason = "a test that cannot run must be heard")]
        {
            eprintln!("NOT RUN: this user may mount no file system; a full disk under PostgreSQL was not tested");
        }
        None
    }

    fn resize(&self, size: &str) {
        let mut mount = Command::new("mount");
        let status = mount.args(["-o", &format!("remount,size={size}")]).arg(&self.folder).status();
        assert!(status.unwrap().success());
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}

#[test]
fn a_full_disk_is_told_and_the_hub_goes_on_when_there_is_room() {
    let Some(mut server) = PostgreSql::start_new() else { return };
    let folder = tempfile::tempdir().unwrap();
    // The server comes into it as a user of its own.
    let _ = Command::new("chmod").arg("755").arg(folder.path()).status();
    let Some(disk) = Disk::mount(&folder.path().join("disk"), "16m") else { return };
    server.execute("postgres", &format!("CREATE TABLESPACE small LOCATION '{}'", disk.folder.display()));
    server.execute("postgres", "CREATE DATABASE hub TABLESPACE small");
    let directory = Directory::new();
    let url = server.url("hub");
    let filler = disk.folder.join("filler");
    // Full at the start: there is no room for the tables.
    let mut fill = Command::new("dd");
    fill.args(["if=/dev/zero", "bs=64k", "status=none"]).arg(format!("of={}", filler.display()));
    assert!(!fill.stderr(Stdio::null()).status().unwrap().success(), "the disk has no end");
    told(run(&directory, &url, &[]), 3, "store.storage", "cannot be written");
    std::fs::remove_file(&filler).unwrap();
    // And later, in the middle of the work.
    let mut rows = "NO;NAME;SIRET;STREET;ZIP;CITY;COUNTRY;CREDIT;BLOCKED\n".to_owned();
    for number in 0..8_000 {
        writeln!(rows, "{number};Client {number} des Halles;;1 rue du Port;29000;Brest;FR;1 000,00;0").unwrap();
    }
    let limits = ("PASSERELLE__LIMITS__RETRY_DELAY_MAX", "500ms");
    directory.edit("hub/systems/erp.toml", "\"10s\"", "\"500ms\"");
    let hub = Running::start_with(&directory, &[("PASSERELLE__STORE__URL", &url), limits]);
    directory.write("hub/in/erp/customers-1.csv", &rows);
    let told = hub.line_with("the hub waits for the store");
    assert!(told.contains("disk is full"), "{told}");
    disk.resize("1g");
    hub.line_with("the store is back");
    wait_until("not everything is delivered", || directory.written().matches("des Halles").count() >= 8_000);
    assert_eq!(directory.written().matches("des Halles").count(), 8_000, "a customer was delivered twice");
    assert_eq!(hub.stop("-TERM"), 0);
    server.stop(Stop::Immediate);
}
