//! Whom somebody means: a customer by master id, name, number or key, or one of its records by system and key.

use std::collections::BTreeMap;
use std::sync::Arc;

use canonical::Entity;
use master::MasterId;
use store::{Hit, MasterStory, MasterSummary, OperateStore, RecordName, StoreError};

/// A customer that became one with another, which became one with another, and so on: no more steps are followed.
const REDIRECTS_MAX: usize = 64;

/// A customer that somebody named, as it is now.
#[derive(Debug)]
pub struct Meant {
    /// The tenant.
    pub tenant: Arc<str>,
    /// The customer under the id by which it was found; it may have become one with another since.
    pub named: MasterId,
    /// The customer now.
    pub story: MasterStory,
    /// The records that are meant, by name. Empty where the customer as a whole is meant.
    pub records: Vec<RecordName>,
}

impl Meant {
    /// The id of the customer now.
    #[must_use]
    pub fn master_id(&self) -> MasterId {
        self.story.master.master_id
    }

    /// The customer that is meant by a master id, by `SYSTEM/KEY` of one of its records, or by a name, number or key.
    /// A text that is exactly the key of records means these records, too.
    ///
    /// # Errors
    /// When it is nobody, or several customers, or the store cannot be asked.
    pub async fn find(store: &dyn OperateStore, tenant: &str, text: &str) -> Result<Self, NotMeant> {
        let text = text.trim();
        let nobody = || NotMeant::Nobody(text.to_owned());
        if let Ok(id) = text.parse::<MasterId>()
            && let Some(meant) = Self::at(store, tenant, id, Vec::new()).await?
        {
            return Ok(meant);
        }
        if let Some(record) = record_name(text) {
            let hits = customers(store.find(Some(tenant), &record.key).await?);
            if let Some(master) = hits.iter().find(|master| has(master, &record)) {
                return Self::at(store, tenant, master.master_id, vec![record]).await?.ok_or_else(nobody);
            }
        }
        let hits = customers(store.find(Some(tenant), text).await?);
        let records_of = |master: &MasterSummary| -> Vec<RecordName> {
            let exact = master.systems.iter().filter(|(_, key)| key == text);
            exact.map(|(system, key)| RecordName { system: system.to_string(), key: key.clone() }).collect()
        };
        let is_keyed = hits.iter().any(|master| !records_of(master).is_empty());
        let mut found: BTreeMap<MasterId, Meant> = BTreeMap::new();
        for master in hits {
            let records = records_of(&master);
            if is_keyed && records.is_empty() {
                continue;
            }
            if let Some(meant) = Self::at(store, tenant, master.master_id, records).await? {
                found.entry(meant.master_id()).or_insert(meant);
            }
        }
        let ids: Vec<MasterId> = found.keys().copied().collect();
        match found.pop_first() {
            None => Err(nobody()),
            Some((_, meant)) if ids.len() == 1 => Ok(meant),
            Some(_) => Err(NotMeant::Several(text.to_owned(), ids)),
        }
    }

    /// The customer of an id as it is now; `None` when there is none.
    async fn at(
        store: &dyn OperateStore,
        tenant: &str,
        named: MasterId,
        records: Vec<RecordName>,
    ) -> Result<Option<Self>, StoreError> {
        let mut id = named;
        for _ in 0..REDIRECTS_MAX {
            let Some(story) = store.story(Some(tenant), id).await? else { return Ok(None) };
            if story.master.entity != Entity::Customer {
                return Ok(None);
            }
            match story.master.redirect {
                Some(to) => id = to,
                None => return Ok(Some(Meant { tenant: story.tenant.clone(), named, story, records })),
            }
        }
        Err(StoreError::Internal(format!("{named} redirects in a circle")))
    }
}

/// A record as people write it: `SYSTEM/KEY`. A key may have slashes, the name of a system has none.
#[must_use]
pub fn record_name(text: &str) -> Option<RecordName> {
    let (system, key) = text.split_once('/')?;
    let is_name = !system.is_empty() && !key.is_empty();
    is_name.then(|| RecordName { system: system.to_owned(), key: key.to_owned() })
}

fn customers(hits: Vec<Hit>) -> Vec<MasterSummary> {
    let customer = |hit| match hit {
        Hit::Master(master) if master.entity == Entity::Customer => Some(master),
        _ => None,
    };
    hits.into_iter().filter_map(customer).collect()
}

fn has(master: &MasterSummary, record: &RecordName) -> bool {
    master.systems.iter().any(|(system, key)| **system == *record.system && *key == record.key)
}

/// Why it is not known who is meant.
#[derive(Debug, thiserror::Error)]
pub enum NotMeant {
    /// Nobody is called this.
    #[error(
        "there is no customer \"{0}\"; say a master id such as m12, a record as SYSTEM/KEY, or a name, number or key"
    )]
    Nobody(String),
    /// Several customers are.
    #[error("\"{0}\" is {count} customers: {names}; say one of these", count = .1.len(), names = listed(.1))]
    Several(String, Vec<MasterId>),
    /// The store cannot be asked.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The first few of some ids.
fn listed(ids: &[MasterId]) -> String {
    const SHOWN_MAX: usize = 8;
    let mut names: Vec<String> = ids.iter().take(SHOWN_MAX).map(ToString::to_string).collect();
    if ids.len() > SHOWN_MAX {
        names.push("…".to_owned());
    }
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_a_system_and_a_key() {
        let check = |text: &str, expected: Option<(&str, &str)>| {
            let found = record_name(text);
            let found = found.as_ref().map(|name| (name.system.as_str(), name.key.as_str()));
            assert_eq!(found, expected, "{text}");
        };
        check("erp/C-1", Some(("erp", "C-1")));
        check("erp/2026/17", Some(("erp", "2026/17")));
        check("C-1", None);
        check("/C-1", None);
        check("erp/", None);
    }

    #[test]
    fn several_are_listed_and_not_all() {
        let ids: Vec<MasterId> = (1..=9).map(MasterId).collect();
        let told = NotMeant::Several("dupont".to_owned(), ids).to_string();
        assert_eq!(told, "\"dupont\" is 9 customers: m1, m2, m3, m4, m5, m6, m7, m8, …; say one of these");
    }
}
