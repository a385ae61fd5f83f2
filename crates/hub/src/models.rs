//! By what the records of each tenant are told apart: the newest of its own models, or the one that is shipped.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use master::matching::Model;
use store::{MatchStore, StoreError};

/// The models that were read, by tenant.
#[derive(Default)]
pub(crate) struct Models(Mutex<HashMap<Arc<str>, Arc<Model>>>);

impl Models {
    /// The model of a tenant. Each call asks the store whether there is a newer one.
    ///
    /// # Errors
    /// What the store says, or that it has a model which this version cannot read.
    pub async fn of(&self, store: &(impl MatchStore + ?Sized), tenant: &Arc<str>) -> Result<Arc<Model>, StoreError> {
        let known = self.lock().get(tenant).cloned();
        let number = known.as_ref().map_or(0, |model| model.number);
        let newer = match store.match_model(tenant, number).await? {
            Some((number, text)) => Some(serde_json::from_str(&text).map_err(|error| {
                StoreError::Internal(format!("model {number} of {tenant} cannot be read: {error}"))
            })?),
            None => None,
        };
        let model = match (newer, known) {
            (None, Some(known)) => return Ok(known),
            (newer, _) => Arc::new(newer.unwrap_or_else(Model::shipped)),
        };
        self.lock().insert(Arc::clone(tenant), Arc::clone(&model));
        Ok(model)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Arc<str>, Arc<Model>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
