//! The accounting provider's ledger: it picks up CSV files, imports them and puts them away.
//!
//! It knows nothing of the hub either. It refuses a row that it cannot book, and writes down every import.

mod rows;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::output;
pub use rows::Row;

/// Arguments of the demo's ledger.
#[derive(Debug, Args)]
pub struct LedgerArgs {
    /// The folder that files are picked up from
    #[arg(long, value_name = "DIR")]
    inbox: PathBuf,
    /// Its own folder, with `ledger.json`, `imports.log` and `archive`
    #[arg(long, value_name = "DIR")]
    folder: PathBuf,
}

/// How often the inbox is looked at.
const LOOK_DELAY: Duration = Duration::from_millis(100);

/// Everything that the ledger holds, row by row under its own keys.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Books {
    /// Accounts of customers.
    pub customers: BTreeMap<String, Row>,
    /// Invoices and credit notes.
    pub invoices: BTreeMap<String, Row>,
    /// Bank movements.
    pub payments: BTreeMap<String, Row>,
    /// Rows that could not be booked, with the reason.
    pub refused: Vec<String>,
}

/// What one file brought.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
struct Imported {
    new: usize,
    changed: usize,
    same: usize,
    deleted: usize,
    refused: usize,
}

/// Imports until standard input closes. The first line on standard output says that it is ready.
///
/// # Errors
/// When its folder cannot be written.
pub async fn serve(arguments: LedgerArgs) -> anyhow::Result<()> {
    std::fs::create_dir_all(arguments.folder.join("archive"))
        .with_context(|| format!("the folder {} cannot be made", arguments.folder.display()))?;
    output::line("ready");
    let gone = super::company::parent_has_gone();
    tokio::pin!(gone);
    loop {
        import_all(&arguments)?;
        tokio::select! {
            () = &mut gone => return Ok(()),
            () = tokio::time::sleep(LOOK_DELAY) => {}
        }
    }
}

/// The kinds of files, by the start of their names.
const KINDS: [&str; 3] = ["customers-", "invoices-", "payments-"];

/// Takes every file that is there, oldest first: the part of the name behind the kind begins with a time.
fn import_all(arguments: &LedgerArgs) -> anyhow::Result<()> {
    let mut found: Vec<(String, &str, PathBuf)> = Vec::new();
    let entries = match std::fs::read_dir(&arguments.inbox) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error).with_context(|| format!("{} cannot be read", arguments.inbox.display())),
    };
    for entry in entries {
        let path = entry?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
        let kind = KINDS.into_iter().find(|kind| name.starts_with(kind) && name.ends_with(".csv"));
        if let Some(kind) = kind {
            found.push((name[kind.len()..].to_owned(), kind, path.clone()));
        }
    }
    found.sort();
    found.iter().try_for_each(|(_, kind, path)| import(&arguments.folder, kind, path))
}

/// Books one file, logs it and puts it away. After a crash in between, it is imported again, which changes nothing.
fn import(folder: &Path, kind: &str, path: &Path) -> anyhow::Result<()> {
    let text = std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
    let mut books = Books::open(folder)?;
    let imported = books.book(kind, rows::read(&text));
    books.save(folder)?;
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let line = json!({ "at": Timestamp::now().to_string(), "file": name, "rows": imported });
    let mut log = std::fs::OpenOptions::new().create(true).append(true).open(folder.join("imports.log"))?;
    writeln!(log, "{line}")?;
    std::fs::rename(path, folder.join("archive").join(name))?;
    Ok(())
}

impl Books {
    /// The books of a folder; empty ones when there are none yet.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn open(folder: &Path) -> anyhow::Result<Self> {
        let file = folder.join("ledger.json");
        match std::fs::read(&file) {
            Ok(text) => serde_json::from_slice(&text).with_context(|| format!("{} is no ledger", file.display())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Books::default()),
            Err(error) => Err(error).with_context(|| format!("{} cannot be read", file.display())),
        }
    }

    fn save(&self, folder: &Path) -> anyhow::Result<()> {
        let file = folder.join("ledger.json");
        let written = file.with_extension("json.tmp");
        std::fs::write(&written, serde_json::to_vec_pretty(self)?)?;
        Ok(std::fs::rename(&written, &file)?)
    }

    /// Books rows; the first column is the key.
    fn book(&mut self, kind: &str, rows: Vec<Result<(String, Row), String>>) -> Imported {
        let mut imported = Imported::default();
        for row in rows {
            let outcome = match row {
                Ok((key, row)) => self.book_row(kind, key, row, &mut imported),
                Err(reason) => Err(reason),
            };
            if let Err(reason) = outcome {
                imported.refused += 1;
                self.refused.push(format!("{kind}: {reason}"));
            }
        }
        imported
    }

    fn book_row(&mut self, kind: &str, key: String, mut row: Row, imported: &mut Imported) -> Result<(), String> {
        let account = row.get("account").filter(|_| kind == "invoices-");
        if let Some(account) = account.filter(|account| !self.customers.contains_key(*account)) {
            return Err(format!("{key} is for the account {account}, which does not exist"));
        }
        let table = match kind {
            "customers-" => &mut self.customers,
            "invoices-" => &mut self.invoices,
            _ => &mut self.payments,
        };
        if row.remove("deleted").is_some() {
            imported.deleted += usize::from(table.remove(&key).is_some());
            return Ok(());
        }
        match table.get(&key) {
            Some(known) if *known == row => imported.same += 1,
            Some(_) => imported.changed += 1,
            None => imported.new += 1,
        }
        table.insert(key, row);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn book(books: &mut Books, kind: &str, text: &str) -> Imported {
        books.book(kind, rows::read(text))
    }

    #[test]
    fn files_are_booked_by_key() {
        let mut books = Books::default();
        let first = book(&mut books, "customers-", "account;name;deleted\r\nm1;Un;\r\nm2;Deux;\r\n");
        assert_eq!(first, Imported { new: 2, ..Imported::default() });
        let second = book(&mut books, "customers-", "account;name;deleted\nm1;Un;\nm2;Zwei;\nm3;Trois;yes\n");
        assert_eq!(second, Imported { same: 1, changed: 1, ..Imported::default() });
        let third = book(&mut books, "customers-", "account;name;deleted\nm2;Zwei;yes\n");
        assert_eq!(third, Imported { deleted: 1, ..Imported::default() });
        assert_eq!(books.customers.keys().collect::<Vec<_>>(), ["m1"]);
    }

    #[test]
    fn an_invoice_of_nobody_is_refused() {
        let mut books = Books::default();
        let text = "document;account;number\nm9;m1;F1\n";
        assert_eq!(book(&mut books, "invoices-", text).refused, 1);
        book(&mut books, "customers-", "account;name\nm1;Un\n");
        assert_eq!(book(&mut books, "invoices-", text).new, 1);
        assert_eq!(books.refused.len(), 1);
    }

    #[test]
    fn a_folder_is_imported_in_order_and_put_away() {
        let folder = tempfile::tempdir().unwrap();
        let arguments = LedgerArgs { inbox: folder.path().join("in"), folder: folder.path().join("own") };
        std::fs::create_dir_all(&arguments.inbox).unwrap();
        std::fs::create_dir_all(arguments.folder.join("archive")).unwrap();
        std::fs::write(arguments.inbox.join("invoices-2.csv"), "document;account\nm9;m1\n").unwrap();
        std::fs::write(arguments.inbox.join("customers-1.csv"), "account;name\nm1;\"U;n\"\n").unwrap();
        std::fs::write(arguments.inbox.join("readme.txt"), "x").unwrap();
        import_all(&arguments).unwrap();
        let books = Books::open(&arguments.folder).unwrap();
        assert!(books.refused.is_empty(), "{:?}", books.refused);
        assert_eq!(books.customers["m1"]["name"], "U;n");
        assert!(arguments.folder.join("archive/invoices-2.csv").exists());
        assert!(!arguments.inbox.join("invoices-2.csv").exists() && arguments.inbox.join("readme.txt").exists());
    }
}
