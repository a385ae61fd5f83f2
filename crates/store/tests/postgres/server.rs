//! A private PostgreSQL server, one for all tests of the process.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock};

use store::postgres::PostgresOptions;

/// Runs the server for as long as its input is open, and takes everything away when this process has ended, however it
/// ended. Each line of input is a command, answered by one line.
const KEEPER: &str = r#"
set -e
programs=$1 folder=$2 port=$3
cd "$folder"
run=
if [ "$(id -u)" = 0 ]; then
    chown postgres:postgres "$folder"
    run="setpriv --reuid postgres --regid postgres --clear-groups"
fi
start() {
    $run "$programs/pg_ctl" -D "$folder/data" -w -s -l "$folder/log" -o "-p $port -c listen_addresses=127.0.0.1 \
        -c unix_socket_directories=$folder $1" start >>"$folder/keeper" 2>&1
}
stop() { $run "$programs/pg_ctl" -D "$folder/data" -w -s -m "$1" stop >>"$folder/keeper" 2>&1; }
trap 'stop immediate || true; cd /; rm -rf "$folder"' EXIT
$run "$programs/initdb" -D "$folder/data" -U hub -A trust -E UTF8 --locale=C.UTF-8 --no-sync >"$folder/keeper" 2>&1
{ echo 'host all locked 127.0.0.1/32 scram-sha-256'; cat "$folder/data/pg_hba.conf"; } >"$folder/hba"
cat "$folder/hba" >"$folder/data/pg_hba.conf"
start
echo ready
while read -r command options; do
    case $command in
        stop) stop "$options" ;;
        start) start "$options" ;;
    esac
    echo done
done
"#;

/// The server; stopped by its keeper.
pub struct Server {
    port: u16,
    folder: PathBuf,
    keeper: Mutex<(Child, ChildStdin, BufReader<ChildStdout>)>,
    stores: AtomicUsize,
}

/// The server of this process; `None`, with a loud line, where PostgreSQL is not installed.
pub fn server() -> Option<&'static Server> {
    static SERVER: OnceLock<Option<Server>> = OnceLock::new();
    let make = || start().inspect(|server| drop(server.query("postgres", "CREATE DATABASE hub")));
    SERVER.get_or_init(make).as_ref()
}

/// A server of its own, for a test that stops it.
pub fn start() -> Option<Server> {
    let Some(programs) = programs() else {
        eprintln!("SKIPPED: PostgreSQL is not installed (apt-get install postgresql); its store was not tested");
        return None;
    };
    // A port that was free can be taken by another process before the server has it.
    let mut told = String::new();
    for _ in 0..STARTS_MAX {
        match start_at(&programs, free_port()) {
            Ok(server) => return Some(server),
            Err(reason) => told = reason,
        }
    }
    panic!("the server does not start: {told}")
}

const STARTS_MAX: u32 = 5;

/// Starts a server; else what its keeper said.
fn start_at(programs: &Path, port: u16) -> Result<Server, String> {
    let folder = tempfile::Builder::new().prefix("passerelle-postgres-").tempdir().unwrap().keep();
    let mut command = Command::new("sh");
    command.args(["-c", KEEPER, "keeper"]).arg(programs).arg(&folder).arg(port.to_string());
    let mut keeper = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (input, output) = (keeper.stdin.take().unwrap(), keeper.stdout.take().unwrap());
    let mut output = BufReader::new(output);
    let mut line = String::new();
    output.read_line(&mut line).unwrap();
    if line.trim() != "ready" {
        let told = std::fs::read_to_string(folder.join("keeper")).unwrap_or_default();
        let _ = keeper.wait();
        return Err(told);
    }
    Ok(Server { port, folder, keeper: Mutex::new((keeper, input, output)), stores: AtomicUsize::new(0) })
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Where the server's programs are: named by the environment, else the newest that Debian has installed.
fn programs() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("PASSERELLE_POSTGRES_PROGRAMS") {
        return Some(PathBuf::from(named));
    }
    let installed = std::fs::read_dir("/usr/lib/postgresql").ok()?.flatten().map(|entry| entry.path().join("bin"));
    installed.filter(|folder| folder.join("initdb").is_file()).max()
}

impl Server {
    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The address of a database.
    pub fn url(&self) -> String {
        format!("postgres://hub@127.0.0.1:{}/hub", self.port)
    }

    /// Options with a schema that nobody else uses.
    pub fn options(&self) -> PostgresOptions {
        let number = self.stores.fetch_add(1, Ordering::Relaxed);
        PostgresOptions { schema: format!("case_{number}"), ..PostgresOptions::default() }
    }

    /// Runs a statement as the owner of the server; returns what it printed.
    pub fn query(&self, database: &str, sql: &str) -> String {
        let port = self.port.to_string();
        let output = Command::new("psql")
            .args([
                "-X",
                "-q",
                "-A",
                "-t",
                "-v",
                "ON_ERROR_STOP=1",
                "-h",
                "127.0.0.1",
                "-U",
                "hub",
                "-p",
                &port,
                "-d",
                database,
                "-c",
                sql,
            ])
            .output()
            .unwrap();
        assert!(output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// `stop fast`, `stop immediate`, `start`, `start -c ssl=on`.
    pub fn command(&self, command: &str) {
        let mut keeper = self.keeper.lock().unwrap();
        writeln!(keeper.1, "{command}").unwrap();
        let mut line = String::new();
        keeper.2.read_line(&mut line).unwrap();
        assert_eq!(line.trim(), "done", "{command}");
    }
}
