//! How long a key may be, on every engine alike.

use master::MasterId;

use super::Context;
use super::build::{TENANT, crosswalk, drop_of, local, master, published, resolve, source, step, stream};
use crate::{
    Collected, Delivered, Export, KEY_BYTES_MAX, MatchKeysWrite, Resolved, SourceRow, Store, StoreError, key_bytes,
};

type Held = Result<(), StoreError>;

/// A key of so many bytes that no engine can press together: each character follows from the one before by chance.
fn key_of(bytes: usize) -> String {
    let mut state = 1_u32;
    let next = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        char::from(b'!' + u8::try_from(state >> 24).unwrap_or_default() % 94)
    };
    (0..bytes).map(next).collect()
}

/// Everything of a customer that is found by a key.
fn customer_with(key: &str, match_key: &str) -> Resolved {
    Resolved {
        sources: vec![SourceRow { document: "{}".into(), ..source("erp", key, 1, (1, 0)) }],
        crosswalk: vec![crosswalk("erp", key, 1)],
        masters: vec![master(1, 1, "dupont")],
        match_keys: vec![MatchKeysWrite {
            master_id: MasterId(1),
            add: vec![match_key.to_owned()],
            remove: Vec::new(),
        }],
        ..Resolved::default()
    }
}

/// Shows a record under a key, as collect does.
async fn collect(store: &dyn Store, key: &str) -> Held {
    let opened = store.open_drop(drop_of("a.csv", 1, Export::Delta)).await?;
    let collected = Collected { published: vec![published(key, 1)], ..step(opened.number) };
    store.commit_collected(collected).await.map(drop)
}

/// Notes a key that a target gave, as deliver does.
async fn deliver(store: &dyn Store, key: &str) -> Held {
    let end = Delivered { crosswalk: vec![crosswalk("crm", key, 1)], ..Delivered::default() };
    store.finish_attempt(TENANT, "crm", None, end).await
}

pub async fn keys_of_the_greatest_length_are_kept(context: &mut Context) -> Held {
    let store = context.store();
    // Characters that are written longer by the one engine count as much for the other.
    let widened = "\0".repeat(KEY_BYTES_MAX / 4);
    for key in [key_of(KEY_BYTES_MAX), widened] {
        assert_eq!(key_bytes(&key), KEY_BYTES_MAX);
        collect(&*store, &key).await?;
        resolve(&*store, TENANT, customer_with(&key, &key)).await?;
        deliver(&*store, &key).await?;
        assert!(store.known_records(&stream(), &[&key]).await?[0].is_some());
        let mut read = store.begin_resolve(TENANT).await?;
        let rows = read.crosswalk(&[local("erp", &key), local("crm", &key)]).await?;
        assert!(rows.iter().flatten().all(|row| row.local.key == key) && rows.len() == 2, "{rows:?}");
        assert_eq!(read.matches(std::slice::from_ref(&key)).await?, [[MasterId(1)]]);
    }
    Ok(())
}

pub async fn longer_keys_change_nothing(context: &mut Context) -> Held {
    let store = context.store();
    let long = key_of(KEY_BYTES_MAX + 1);
    let refused = |what: &str, outcome: Held| {
        let told = outcome.expect_err(what).to_string();
        assert!(told.contains(&format!("{} bytes", KEY_BYTES_MAX + 1)) && !told.contains(&long), "{what}: {told}");
    };
    refused("collect", collect(&*store, &long).await);
    refused("deliver", deliver(&*store, &long).await);
    refused("a record", resolve(&*store, TENANT, customer_with(&long, "C1")).await.map(drop));
    refused("a match key", resolve(&*store, TENANT, customer_with("C1", &long)).await.map(drop));
    let counts = store.counts(&crate::Filter::default()).await?;
    assert_eq!((counts.customers, counts.outbox), (0, 0));
    let mut read = store.begin_resolve(TENANT).await?;
    assert_eq!(read.crosswalk(&[local("erp", "C1")]).await?, [None]);
    assert_eq!(read.matches(&["C1".to_owned()]).await?, [[]; 1]);
    Ok(())
}
