//! The demo's company in a temporary directory, its CRM and ledger running, its hub run round by round.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// The longest that anything here may take, on a machine that is busy with other things.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// The export of the ERP that the demo begins with.
const EXPORT: &[u8] = include_bytes!("../../demo/inputs/erp/clients-20261102.csv");

/// Columns of the ERP's export.
pub const NAME: usize = 1;
pub const CREDIT_LIMIT: usize = 10;

/// Runs the binary to its end.
pub fn passerelle(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_passerelle"));
    command.args(arguments).stdin(Stdio::null()).output().unwrap()
}

/// What it printed, when it ended with one of these codes.
#[track_caller]
pub fn printed(output: &Output, codes: &[i32]) -> String {
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    let code = output.status.code();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(code.is_some_and(|code| codes.contains(&code)), "ended with {code:?}\n{told}\n{error}");
    told
}

/// A directory that the demo has run in once, with CRM and ledger running again.
pub struct Company {
    directory: tempfile::TempDir,
    crm: Child,
    ledger: Child,
    crm_address: String,
    exports: usize,
}

/// What has happened to everybody so far.
#[derive(Clone, Debug, PartialEq)]
pub struct Footprint {
    /// The golden version of every customer.
    pub versions: BTreeMap<String, u64>,
    /// Writes that the CRM took from the hub.
    pub crm_writes: usize,
    /// Rows that the ledger took from the hub.
    pub ledger_rows: u64,
}

impl Company {
    /// Runs the demo once in a new directory, with a CRM that is always well.
    pub fn settled() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let place = directory.path().join("demo");
        let place = place.to_str().unwrap();
        printed(&passerelle(&["demo", "--once", "--seed", "0", "--dir", place]), &[0]);
        let inside = |path: &str| format!("{place}/{path}");
        let configured = std::fs::read_to_string(inside("systems/crm.toml")).unwrap();
        let known = configured.split("http://").nth(1).unwrap().split('/').next().unwrap().to_owned();
        let (crm, ready) = start(&[
            "demo-crm",
            "--folder",
            &inside("outside/crm"),
            "--token-file",
            &inside("secrets/crm-token"),
            "--listen",
            &known,
        ]);
        let crm_address = ready.strip_prefix("http://").unwrap().to_owned();
        std::fs::write(inside("systems/crm.toml"), configured.replace(&known, &crm_address)).unwrap();
        let (ledger, _) =
            start(&["demo-ledger", "--inbox", &inside("out/ledger"), "--folder", &inside("outside/ledger")]);
        Company { directory, crm, ledger, crm_address, exports: 0 }
    }

    pub fn path(&self, inner: &str) -> PathBuf {
        self.directory.path().join("demo").join(inner)
    }

    /// The ERP drops a full export in which some values are others; a row is named by its code.
    pub fn export(&mut self, changes: &[(&str, usize, &str)]) {
        let mut lines: Vec<Vec<u8>> = EXPORT.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
        for (code, column, value) in changes {
            let start = format!("{code};");
            let line = lines.iter_mut().find(|line| line.starts_with(start.as_bytes())).unwrap();
            let mut values: Vec<&[u8]> = line.split(|byte| *byte == b';').collect();
            assert_ne!(values[*column], value.as_bytes(), "nothing would change");
            values[*column] = value.as_bytes();
            *line = values.join(&b';');
        }
        self.exports += 1;
        let name = format!("clients-2027-{:02}.csv", self.exports);
        std::fs::write(self.path("in/erp").join(format!("{name}.part")), lines.join(&b'\n')).unwrap();
        std::fs::rename(self.path("in/erp").join(format!("{name}.part")), self.path("in/erp").join(name)).unwrap();
    }

    /// Somebody saves a contact at a screen of the CRM.
    pub fn edit(&self, id: u64, fields: &Value) {
        let (body, token) = (fields.to_string(), std::fs::read_to_string(self.path("secrets/crm-token")).unwrap());
        let mut stream = TcpStream::connect(&self.crm_address).unwrap();
        write!(
            stream,
            "PATCH /api/contacts/{id} HTTP/1.1\r\nHost: crm\r\nAuthorization: Bearer {}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            token.trim(),
            body.len()
        )
        .unwrap();
        let mut status = String::new();
        BufReader::new(stream).read_line(&mut status).unwrap();
        assert!(status.starts_with("HTTP/1.1 200"), "{status}");
    }

    /// Runs the hub once: every system is read, everything is delivered, the ledger has imported it.
    pub fn round(&self) {
        printed(&passerelle(&["run", self.path("").to_str().unwrap(), "--once"]), &[0, 1]);
        let begun = Instant::now();
        let waits = || {
            let mut entries = std::fs::read_dir(self.path("out/ledger")).unwrap();
            entries.any(|entry| entry.unwrap().file_name().to_string_lossy().ends_with(".csv"))
        };
        while waits() {
            assert!(begun.elapsed() < PATIENCE, "the ledger does not take its files");
            std::thread::yield_now();
        }
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let place = self.path("");
        let arguments: Vec<&str> =
            arguments.iter().copied().chain(["--json", "--dir", place.to_str().unwrap()]).collect();
        serde_json::from_str(&printed(&passerelle(&arguments), &[0])).unwrap()
    }

    /// What has happened so far.
    pub fn footprint(&self) -> Footprint {
        let customers = self.json(&["customers", "list", "--limit", "1000"]);
        let versions = customers.as_array().unwrap().iter();
        let versions = versions.map(|one| (one["master_id"].to_string(), one["version"].as_u64().unwrap())).collect();
        let writes = self.log("outside/crm/writes.log");
        let imports = self.log("outside/ledger/imports.log");
        let rows = |line: &Value| {
            ["new", "changed", "same", "deleted", "refused"].map(|kind| line["rows"][kind].as_u64().unwrap())
        };
        Footprint {
            versions,
            crm_writes: writes.iter().filter(|line| line["by"] == "api").count(),
            ledger_rows: imports.iter().flat_map(rows).sum(),
        }
    }

    fn log(&self, path: &str) -> Vec<Value> {
        let text = std::fs::read_to_string(self.path(path)).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The versions that a customer has had, oldest first.
    pub fn history(&self, name: &str) -> Vec<u64> {
        let stories = self.json(&["customers", "show", name]);
        let mut versions: Vec<u64> =
            stories[0]["journal"].as_array().unwrap().iter().filter_map(|entry| entry["version"].as_u64()).collect();
        versions.sort_unstable();
        versions.dedup();
        versions
    }

    /// The golden document of a customer.
    pub fn golden(&self, name: &str) -> Value {
        self.json(&["customers", "show", name])[0]["document"].clone()
    }

    /// A contact of the CRM.
    pub fn contact(&self, id: u64) -> Value {
        let text = std::fs::read_to_string(self.path("outside/crm/contacts.json")).unwrap();
        let database: Value = serde_json::from_str(&text).unwrap();
        database["contacts"].as_array().unwrap().iter().find(|contact| contact["id"] == id).unwrap().clone()
    }

    /// A customer's account in the ledger.
    pub fn account(&self, name: &str) -> Value {
        let text = std::fs::read_to_string(self.path("outside/ledger/ledger.json")).unwrap();
        let books: Value = serde_json::from_str(&text).unwrap();
        books["customers"].as_object().unwrap().values().find(|row| row["name"] == name).unwrap().clone()
    }
}

impl Drop for Company {
    fn drop(&mut self) {
        for child in [&mut self.crm, &mut self.ledger] {
            // They end when their input closes; a test that fails does not wait for that.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Starts a companion and returns the line that it is ready with.
fn start(arguments: &[&str]) -> (Child, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_passerelle"));
    let mut child = command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut ready = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut ready).unwrap();
    (child, ready.trim().to_owned())
}
