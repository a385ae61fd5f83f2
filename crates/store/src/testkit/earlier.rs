//! What was delivered before the last delivery, for systems that are read late.

use super::Context;
use super::build::*;
use crate::{CrosswalkRow, Delivered, Resolved, Store, StoreError};

type Held = Result<(), StoreError>;

/// The system is told something; returns what it was told earlier and has not shown since.
async fn deliver(store: &dyn Store, holds: &str, is_read: bool) -> Result<Vec<String>, StoreError> {
    let crosswalk = vec![CrosswalkRow { holds: Some(holds.into()), ..crosswalk("crm", "42", 1) }];
    store.finish_attempt(TENANT, "crm", None, Delivered { crosswalk, is_read, ..Delivered::default() }).await?;
    earlier(store).await
}

async fn earlier(store: &dyn Store) -> Result<Vec<String>, StoreError> {
    let row = store.begin_resolve(TENANT).await?.crosswalk(&[local("crm", "42")]).await?.remove(0);
    Ok(row.map(|row| row.earlier.iter().map(ToString::to_string).collect()).unwrap_or_default())
}

pub async fn what_was_delivered_before_is_kept_until_the_system_shows_its_record(context: &mut Context) -> Held {
    let store = context.store();
    assert_eq!(deliver(&*store, "\"A\"", true).await?, [""; 0]);
    assert_eq!(deliver(&*store, "\"B\"", true).await?, ["\"A\""]);
    assert_eq!(deliver(&*store, "\"B\"", true).await?, ["\"A\""], "the same once more replaces nothing");
    assert_eq!(deliver(&*store, "\"C\"", true).await?, ["\"A\"", "\"B\""]);
    let shown = Resolved { crosswalk: vec![crosswalk("crm", "42", 1)], ..Resolved::default() };
    resolve(&*store, TENANT, shown).await?;
    assert_eq!(earlier(&*store).await?, [""; 0]);
    let late = CrosswalkRow { earlier: vec!["\"B\"".into(), "\"C\"".into()], ..crosswalk("crm", "42", 1) };
    resolve(&*store, TENANT, Resolved { crosswalk: vec![late], ..Resolved::default() }).await?;
    assert_eq!(deliver(&*store, "\"C\"", true).await?, ["\"B\"", "\"C\""], "what was not shown is kept");
    resolve(&*store, TENANT, Resolved { crosswalk: vec![crosswalk("crm", "42", 1)], ..Resolved::default() }).await?;
    assert_eq!(deliver(&*store, "\"D\"", true).await?, [""; 0], "what the system shows it tells itself");
    for number in 0..20 {
        deliver(&*store, &number.to_string(), true).await?;
    }
    let newest: Vec<String> = (11..19).map(|number| number.to_string()).collect();
    assert_eq!(earlier(&*store).await?, newest);
    Ok(())
}

pub async fn of_a_system_that_is_never_read_only_the_last_delivery_is_kept(context: &mut Context) -> Held {
    let store = context.store();
    deliver(&*store, "\"A\"", false).await?;
    assert_eq!(deliver(&*store, "\"B\"", false).await?, [""; 0]);
    Ok(())
}
