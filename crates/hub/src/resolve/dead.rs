//! Observations that the bus gave up on.

use bus::Delivered;
use store::StoreError;

use super::{links, park_foreign};
use crate::context::Context;
use crate::dead;
use crate::observation::{self, Observation};
use crate::resolve::working::Working;

/// Parks what a message tells of; returns `false` when the hub stops before that was possible.
pub(crate) async fn park_dead(context: &Context, message: &Delivered) -> bool {
    let observations = match observation::decode(&message.content_type, &message.body) {
        Ok(observations) => observations,
        Err(error) => return park_foreign(context, message, &error).await,
    };
    for one in &observations {
        if context.persist("a dead observation", || park(context, one)).await.is_none() {
            return false;
        }
    }
    true
}

/// Each in a transaction of its own: together they may be what the hub could not bear.
async fn park(context: &Context, one: &Observation) -> Result<(), StoreError> {
    let tenant = &one.stream.tenant;
    let mut working = Working::begin(context, tenant).await?;
    let prepared = links::prepare(tenant, one.clone(), true);
    working.set_aside(&prepared, dead::CODE, dead::REASON).await?;
    working.commit().await
}
