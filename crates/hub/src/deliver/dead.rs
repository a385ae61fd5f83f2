//! Changes that the bus gave up on.

use std::sync::Arc;

use master::MasterId;
use store::{Delivered, NewParked, ParkedStage, StoreError};

use super::end;
use crate::change::{self, Change};
use crate::context::Context;
use crate::dead;

/// The tenant of messages for a system that the configuration does not have any more.
const UNKNOWN_TENANT: &str = "unknown";

/// Parks the changes of a message before the system that they are for; returns `false` when the hub stops before that
/// was possible.
pub(crate) async fn park_dead(context: &Context, system: &Arc<str>, message: &bus::Delivered) -> bool {
    let tenant = context.settings.systems.get(system).map_or(UNKNOWN_TENANT, |system| &system.tenant);
    let step = || async {
        let parked = match change::decode(&message.content_type, &message.body) {
            Ok(changes) => parked(context, tenant, system, &changes).await?,
            Err(error) => {
                vec![end::foreign(system, message.id.clone(), message.body.clone(), &error, context.now())]
            }
        };
        context.store.finish_attempt(tenant, system, None, Delivered { parked, ..Delivered::default() }).await
    };
    context.persist("a dead change", step).await.is_some()
}

async fn parked(
    context: &Context,
    tenant: &str,
    system: &Arc<str>,
    changes: &[Change],
) -> Result<Vec<NewParked>, StoreError> {
    let ids: Vec<MasterId> = changes.iter().map(|change| change.master_id).collect();
    let held = context.store.held(tenant, system, &ids).await?;
    // Of a master that is not there, nothing can be delivered.
    let known = changes.iter().zip(held).filter_map(|(change, held)| Some((change, held.master?)));
    let park = |(change, master): (&Change, store::MasterRow)| NewParked {
        stage: ParkedStage::Delivery,
        system: system.clone(),
        key: master.root.to_string(),
        entity: change.entity.clone(),
        master_id: Some(change.master_id),
        version: Some(change.version),
        position: None,
        code: dead::CODE.to_owned(),
        reason: Some(dead::REASON.to_owned()),
        needs: None,
        task: None,
        event: change::id(tenant, change.master_id, change.version).into_bytes(),
        at: context.now(),
    };
    Ok(known.map(park).collect())
}
