//! The CRM's database: one JSON file, replaced as a whole by every write, and a log of all writes.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// Who changed a contact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// A program, through the API.
    Api,
    /// Somebody at a screen of the CRM.
    Screen,
}

/// What is in the file.
#[derive(Default, Serialize, Deserialize)]
struct Content {
    contacts: Vec<Map<String, Value>>,
    /// What was created under which idempotency key.
    created: BTreeMap<String, u64>,
}

/// The contacts.
pub struct Book {
    file: PathBuf,
    log: PathBuf,
    content: Content,
}

/// Fields that the CRM alone sets.
const OWN_FIELDS: [&str; 3] = ["id", "created_at", "updated_at"];

/// Ids start here, well away from those of the first contacts.
const FIRST_ID: u64 = 200;

impl Book {
    /// Opens the database of a folder. A file that holds a mere list of contacts is one that was imported.
    ///
    /// # Errors
    /// When the file cannot be read or is no database.
    pub fn open(folder: &Path) -> anyhow::Result<Self> {
        let file = folder.join("contacts.json");
        let text = std::fs::read(&file).with_context(|| format!("{} cannot be read", file.display()))?;
        let content = match serde_json::from_slice(&text) {
            Ok(contacts) => Content { contacts, ..Content::default() },
            Err(_) => serde_json::from_slice(&text).with_context(|| format!("{} is no database", file.display()))?,
        };
        Ok(Book { file, log: folder.join("writes.log"), content })
    }

    /// All contacts, by id.
    pub fn contacts(&self) -> impl Iterator<Item = &Map<String, Value>> {
        self.content.contacts.iter()
    }

    /// One contact.
    pub fn get(&self, id: u64) -> Option<&Map<String, Value>> {
        self.position(id).map(|position| &self.content.contacts[position])
    }

    fn position(&self, id: u64) -> Option<usize> {
        self.content.contacts.iter().position(|contact| contact.get("id").and_then(Value::as_u64) == Some(id))
    }

    /// Creates a contact under a new id; the same idempotency key creates once.
    pub fn create(&mut self, contact: Map<String, Value>, key: Option<&str>) -> io::Result<Map<String, Value>> {
        let before = key.and_then(|key| self.content.created.get(key)).and_then(|id| self.get(*id));
        if let Some(before) = before {
            return Ok(before.clone());
        }
        let highest = self.contacts().filter_map(|contact| contact.get("id")?.as_u64()).max().unwrap_or_default();
        let id = highest.max(FIRST_ID) + 1;
        let mut created = Map::from_iter([("id".to_owned(), json!(id))]);
        created.extend(contact.into_iter().filter(|(name, _)| !OWN_FIELDS.contains(&name.as_str())));
        created.insert("created_at".to_owned(), now());
        self.content.contacts.push(created.clone());
        if let Some(key) = key {
            self.content.created.insert(key.to_owned(), id);
        }
        self.save("create", id, By::Api, &created)?;
        Ok(created)
    }

    /// Replaces a contact: what is not sent is gone. `None` when there is none.
    pub fn replace(&mut self, id: u64, contact: Map<String, Value>) -> io::Result<Option<Map<String, Value>>> {
        let Some(position) = self.position(id) else { return Ok(None) };
        let before = &self.content.contacts[position];
        let kept = before.iter().filter(|(name, _)| OWN_FIELDS.contains(&name.as_str()));
        let mut after: Map<String, Value> = kept.map(|(name, value)| (name.clone(), value.clone())).collect();
        after.extend(contact.into_iter().filter(|(name, _)| !OWN_FIELDS.contains(&name.as_str())));
        self.put(position, id, after, "replace", By::Api).map(Some)
    }

    /// Changes some fields of a contact; null empties one. `None` when there is none.
    pub fn edit(&mut self, id: u64, fields: Map<String, Value>, by: By) -> io::Result<Option<Map<String, Value>>> {
        let Some(position) = self.position(id) else { return Ok(None) };
        let mut after = self.content.contacts[position].clone();
        after.extend(fields.into_iter().filter(|(name, _)| !OWN_FIELDS.contains(&name.as_str())));
        self.put(position, id, after, "edit", by).map(Some)
    }

    /// Removes a contact. `None` when there is none.
    pub fn remove(&mut self, id: u64) -> io::Result<Option<Map<String, Value>>> {
        let Some(position) = self.position(id) else { return Ok(None) };
        let gone = self.content.contacts.remove(position);
        self.save("remove", id, By::Api, &Map::new())?;
        Ok(Some(gone))
    }

    fn put(
        &mut self,
        position: usize,
        id: u64,
        mut after: Map<String, Value>,
        what: &str,
        by: By,
    ) -> io::Result<Map<String, Value>> {
        after.insert("updated_at".to_owned(), now());
        self.content.contacts[position] = after.clone();
        self.save(what, id, by, &after)?;
        Ok(after)
    }

    /// Replaces the file, then appends to the log.
    fn save(&self, what: &str, id: u64, by: By, after: &Map<String, Value>) -> io::Result<()> {
        let written = self.file.with_extension("json.tmp");
        std::fs::write(&written, serde_json::to_vec_pretty(&self.content)?)?;
        std::fs::rename(&written, &self.file)?;
        let by = if by == By::Screen { "screen" } else { "api" };
        let line = json!({ "at": now(), "what": what, "id": id, "by": by, "name": after.get("name") });
        let mut log = std::fs::OpenOptions::new().create(true).append(true).open(&self.log)?;
        writeln!(log, "{line}")
    }
}

fn now() -> Value {
    Value::String(Timestamp::now().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(value: Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    fn book(folder: &Path) -> Book {
        std::fs::write(folder.join("contacts.json"), r#"[{"id": 7, "name": "Un", "notes": "à lui"}]"#).unwrap();
        Book::open(folder).unwrap()
    }

    #[test]
    fn a_key_creates_once_and_ids_are_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let mut book = book(folder.path());
        let first = book.create(object(json!({"id": 1, "name": "Deux"})), Some("k")).unwrap();
        assert_eq!(first["id"], 201);
        drop(book);
        // The key is remembered by the file, not by the process.
        let mut book = Book::open(folder.path()).unwrap();
        assert_eq!(book.create(object(json!({"name": "Deux"})), Some("k")).unwrap(), first);
        assert_eq!(book.create(object(json!({"name": "Trois"})), None).unwrap()["id"], 202);
        let log = std::fs::read_to_string(folder.path().join("writes.log")).unwrap();
        assert_eq!(log.lines().count(), 2);
    }

    #[test]
    fn a_replacement_forgets_what_is_not_sent_and_an_edit_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let mut book = book(folder.path());
        book.edit(7, object(json!({"phone": "1", "id": 9})), By::Screen).unwrap().unwrap();
        assert_eq!(book.get(7).unwrap()["notes"], "à lui");
        let after = book.replace(7, object(json!({"name": "Uno"}))).unwrap().unwrap();
        assert!(!after.contains_key("notes") && !after.contains_key("phone"));
        assert_eq!(after["id"], 7);
        assert!(book.replace(8, Map::new()).unwrap().is_none());
        assert!(book.remove(7).unwrap().is_some() && book.get(7).is_none());
    }
}
