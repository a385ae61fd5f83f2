//! The hub's own accounting, as its metrics tell it to everybody.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use serde::Serialize;

/// How long the console of a worker may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// What became of the records of one system.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Account {
    /// Records that it showed, as the hub counts them.
    pub read: u64,
    /// Records with an outcome, by outcome.
    pub ended: BTreeMap<String, u64>,
    /// Records without a final outcome, by state: in flight, waiting, parked.
    pub open: BTreeMap<String, u64>,
}

impl Account {
    /// Whether every record that was read has one outcome, none of them bad, and there are as many as the files hold.
    fn is_settled(&self, rows: u64) -> bool {
        let bad = self.ended.get("rejected").copied().unwrap_or_default();
        let (ended, open): (u64, u64) = (self.ended.values().sum(), self.open.values().sum());
        self.read == rows && ended == self.read && open == 0 && bad == 0
    }
}

/// What the hub says of all systems.
pub(super) type Accounts = BTreeMap<String, Account>;

/// What is wrong with the accounts when the systems showed so many rows.
pub(super) fn differences(accounts: &Accounts, rows: &BTreeMap<String, u64>) -> Vec<String> {
    let mut wrong = Vec::new();
    for (system, rows) in rows {
        let account = accounts.get(system).cloned().unwrap_or_default();
        if !account.is_settled(*rows) {
            wrong.push(format!("the accounting of {system} does not add up: {rows} rows in its files, {account:?}"));
        }
    }
    wrong
}

/// Asks a worker's console.
pub(super) fn ask(console: u16) -> io::Result<Accounts> {
    let mut stream = TcpStream::connect(("127.0.0.1", console))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(stream, "GET /metrics HTTP/1.0\r\nhost: localhost\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    if !answer.contains("passerelle_store_up 1") {
        return Err(io::Error::other("the console has no store to read the accounting from"));
    }
    Ok(read(&answer))
}

/// Reads the accounting out of metrics in the text format of Prometheus.
fn read(text: &str) -> Accounts {
    let mut accounts = Accounts::new();
    for line in text.lines() {
        let Some((name, rest)) = line.split_once('{') else { continue };
        let Some((labels, value)) = rest.rsplit_once("} ") else { continue };
        let label = |name: &str| {
            let found = labels.split(',').find_map(|label| label.strip_prefix(name)?.strip_prefix("=\""));
            found.and_then(|value| value.strip_suffix('"')).unwrap_or_default().to_owned()
        };
        let Ok(count) = value.trim().parse::<u64>() else { continue };
        let account = || label("system");
        match name {
            "passerelle_records_read_total" => accounts.entry(account()).or_default().read += count,
            "passerelle_records_total" => {
                *accounts.entry(account()).or_default().ended.entry(label("outcome")).or_default() += count;
            }
            "passerelle_records_open" => {
                *accounts.entry(account()).or_default().open.entry(label("state")).or_default() += count;
            }
            _ => {}
        }
    }
    accounts
}

/// How many rows the files of each system hold, without their headers.
pub(super) fn rows(sources: &Path) -> io::Result<BTreeMap<String, u64>> {
    let mut rows = BTreeMap::new();
    for system in std::fs::read_dir(sources)? {
        let system = system?.path();
        let mut count = 0;
        for file in std::fs::read_dir(&system)? {
            count += std::fs::read_to_string(file?.path())?.lines().count().saturating_sub(1) as u64;
        }
        rows.insert(system.file_name().unwrap_or_default().to_string_lossy().into_owned(), count);
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    const METRICS: &str = r#"HTTP/1.0 200 OK

# TYPE passerelle_records_total counter
passerelle_store_up 1
passerelle_records_read_total{tenant="acme",system="erp",stream="customers"} 12
passerelle_records_total{tenant="acme",system="erp",stream="customers",outcome="created"} 9
passerelle_records_total{tenant="acme",system="erp",stream="customers",outcome="updated"} 2
passerelle_records_open{tenant="acme",system="erp",stream="customers",state="in_flight"} 1
passerelle_queue_depth{tenant="acme",system="ledger"} 4
"#;

    #[track_caller]
    fn check(metrics: &str, rows: u64, expected: usize) {
        let wrong = differences(&read(metrics), &[("erp".to_owned(), rows)].into());
        assert_eq!(wrong.len(), expected, "{rows} rows: {wrong:?}");
    }

    #[test]
    fn accounts_are_read_and_compared() {
        let (in_flight, quiet) = (METRICS.to_owned(), METRICS.replace("\"in_flight\"} 1", "\"in_flight\"} 0"));
        check(&in_flight, 12, 1);
        check(&quiet, 12, 1);
        let ended = quiet.replace("\"updated\"} 2", "\"updated\"} 3");
        check(&ended, 12, 0);
        check(&ended, 13, 1);
        check(&ended.replace("\"updated\"", "\"rejected\""), 12, 1);
        check("", 0, 0);
        check("", 1, 1);
    }
}
