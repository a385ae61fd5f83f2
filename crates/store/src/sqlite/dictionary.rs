//! The dictionary: names that repeat in every row are stored once and rows carry small numbers.
//!
//! It is bounded by what people configure (tenants, systems, streams, entities, versions of mappings), so all of it is
//! kept in memory.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use canonical::entity::Entity;
use rusqlite::{CachedStatement, Connection, OptionalExtension};

use super::failure::Failure;

/// Committed words, shared by all connections of a process.
#[derive(Default)]
pub(super) struct Words(RwLock<Tables>);

#[derive(Default)]
struct Tables {
    by_text: HashMap<Arc<str>, i64>,
    by_id: HashMap<i64, Arc<str>>,
}

impl Words {
    fn id(&self, text: &str) -> Option<i64> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).by_text.get(text).copied()
    }

    fn text(&self, id: i64) -> Option<Arc<str>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).by_id.get(&id).cloned()
    }

    /// Remembers words that are committed.
    pub fn publish(&self, fresh: Vec<(i64, Arc<str>)>) {
        if fresh.is_empty() {
            return;
        }
        let mut tables = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for (id, text) in fresh {
            tables.by_text.insert(Arc::clone(&text), id);
            tables.by_id.insert(id, text);
        }
    }
}

/// A connection inside a transaction, with the dictionary.
///
/// Words that the transaction adds stay private to it until it has committed.
pub(super) struct Session<'a> {
    pub connection: &'a Connection,
    words: &'a Words,
    fresh: RefCell<Vec<(i64, Arc<str>)>>,
}

impl<'a> Session<'a> {
    pub fn new(connection: &'a Connection, words: &'a Words) -> Self {
        Session { connection, words, fresh: RefCell::default() }
    }

    /// The words that this transaction added, for [`Words::publish`] once it has committed.
    pub fn into_fresh(self) -> Vec<(i64, Arc<str>)> {
        self.fresh.into_inner()
    }

    /// A prepared statement, kept for the next use.
    pub fn prepare(&self, sql: &str) -> Result<CachedStatement<'a>, Failure> {
        Ok(self.connection.prepare_cached(sql)?)
    }

    /// The number of a word; `None` when no row can carry it.
    pub fn id(&self, text: &str) -> Result<Option<i64>, Failure> {
        if let Some(id) = self.words.id(text) {
            return Ok(Some(id));
        }
        if let Some((id, _)) = self.fresh.borrow().iter().find(|(_, fresh)| **fresh == *text) {
            return Ok(Some(*id));
        }
        let mut select = self.prepare("SELECT id FROM words WHERE text = ?1")?;
        let found: Option<i64> = select.query_row([text], |row| row.get(0)).optional()?;
        if let Some(id) = found {
            self.words.publish(vec![(id, text.into())]);
        }
        Ok(found)
    }

    /// The number of a word, new if need be.
    pub fn intern(&self, text: &str) -> Result<i64, Failure> {
        if let Some(id) = self.id(text)? {
            return Ok(id);
        }
        self.prepare("INSERT INTO words (text) VALUES (?1)")?.execute([text])?;
        let id = self.connection.last_insert_rowid();
        self.fresh.borrow_mut().push((id, text.into()));
        Ok(id)
    }

    /// The word of a number.
    pub fn text(&self, id: i64) -> Result<Arc<str>, Failure> {
        if let Some(text) = self.words.text(id) {
            return Ok(text);
        }
        if let Some((_, text)) = self.fresh.borrow().iter().find(|(fresh, _)| *fresh == id) {
            return Ok(Arc::clone(text));
        }
        let mut select = self.prepare("SELECT text FROM words WHERE id = ?1")?;
        let found: Option<Arc<str>> = select.query_row([id], |row| row.get(0)).optional()?;
        let text =
            found.ok_or_else(|| Failure::internal(format!("a row carries the word {id}, which is not there")))?;
        self.words.publish(vec![(id, Arc::clone(&text))]);
        Ok(text)
    }

    /// The number of an entity; `None` when no row can carry it.
    pub fn entity_id(&self, entity: &Entity) -> Result<Option<i64>, Failure> {
        match fixed(entity) {
            Some(id) => Ok(Some(id)),
            None => self.id(entity.name()),
        }
    }

    /// The number of an entity, new if need be.
    pub fn intern_entity(&self, entity: &Entity) -> Result<i64, Failure> {
        match fixed(entity) {
            Some(id) => Ok(id),
            None => self.intern(entity.name()),
        }
    }

    /// The entity of a number.
    pub fn entity(&self, id: i64) -> Result<Entity, Failure> {
        Ok(match id {
            1 => Entity::Customer,
            2 => Entity::Invoice,
            3 => Entity::Payment,
            4 => Entity::Allocation,
            other => Entity::Declared(self.text(other)?),
        })
    }
}

/// The canonical entities have the numbers that the first migration gave them.
fn fixed(entity: &Entity) -> Option<i64> {
    match entity {
        Entity::Customer => Some(1),
        Entity::Invoice => Some(2),
        Entity::Payment => Some(3),
        Entity::Allocation => Some(4),
        Entity::Declared(_) => None,
    }
}
