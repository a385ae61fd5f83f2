//! The dictionary: names that repeat in every row are stored once and rows carry small numbers.
//!
//! It is bounded by what people configure (tenants, systems, streams, entities, versions of mappings), so all of it is
//! kept in memory. A new word is saved at once and for good, apart from the transaction that needs it: nobody waits for
//! another's commit to learn a number, and every number in a row that can be seen has its word.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use canonical::entity::Entity;

use super::failure::Failure;
use super::pool::Link;
use super::text;

/// The words that this process has come across.
#[derive(Default)]
pub(super) struct Words(RwLock<Tables>);

#[derive(Default)]
struct Tables {
    by_text: HashMap<Arc<str>, i64>,
    by_id: HashMap<i64, Arc<str>>,
}

impl Words {
    /// The number of a word that is known.
    pub fn id(&self, text: &str) -> Option<i64> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).by_text.get(text).copied()
    }

    /// The number of a word that was interned before.
    pub fn must(&self, text: &str) -> Result<i64, Failure> {
        self.id(text).ok_or_else(|| Failure::internal(format!("the word {text} was not interned")))
    }

    /// The word of a number.
    pub fn text(&self, id: i64) -> Result<Arc<str>, Failure> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner).by_id.get(&id).cloned();
        known.ok_or(Failure::UnknownWord(id))
    }

    /// The number of an entity whose name is known.
    pub fn entity_id(&self, entity: &Entity) -> Option<i64> {
        fixed(entity).or_else(|| self.id(entity.name()))
    }

    /// The number of an entity that was interned before.
    pub fn must_entity(&self, entity: &Entity) -> Result<i64, Failure> {
        fixed(entity).map_or_else(|| self.must(entity.name()), Ok)
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

    /// Those of these texts that are not known.
    pub fn unknown<'a>(&self, texts: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
        let tables = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let mut unknown: Vec<&str> = Vec::new();
        for text in texts {
            if !tables.by_text.contains_key(text) && !unknown.contains(&text) {
                unknown.push(text);
            }
        }
        unknown
    }

    /// Looks up words that others may have saved.
    pub async fn look_up(&self, link: &Link, texts: &[&str]) -> Result<(), Failure> {
        let kept: Vec<_> = texts.iter().map(|text| text::kept(text)).collect();
        let rows = link.query("SELECT id, text FROM words WHERE text = ANY($1)", &[&kept]).await?;
        self.learn(rows.iter().map(|row| (row.get(0), row.get(1))));
        Ok(())
    }

    /// Saves words, and learns the numbers that they have now.
    pub async fn save(&self, link: &Link, texts: &[&str]) -> Result<(), Failure> {
        let kept: Vec<_> = texts.iter().map(|text| text::kept(text)).collect();
        let save = "INSERT INTO words (text) SELECT unnest($1::text[]) ON CONFLICT (text) DO NOTHING";
        link.execute(save, &[&kept]).await?;
        self.look_up(link, texts).await
    }

    /// Learns all words.
    pub async fn read_all(&self, link: &Link) -> Result<(), Failure> {
        let rows = link.query("SELECT id, text FROM words", &[]).await?;
        self.learn(rows.iter().map(|row| (row.get(0), row.get(1))));
        Ok(())
    }

    fn learn(&self, words: impl Iterator<Item = (i64, String)>) {
        let mut tables = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for (id, kept) in words {
            let text: Arc<str> = text::told(kept).into();
            tables.by_text.insert(Arc::clone(&text), id);
            tables.by_id.insert(id, text);
        }
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
