//! Attached files.

use canonical::attachment::Attachment;

use super::Context;
use super::build::TENANT;
use crate::StoreError;

/// One that no engine takes for text.
fn attachment(hash: &str, bytes: &[u8]) -> Attachment {
    Attachment { hash: hash.repeat(64), bytes: bytes.to_vec() }
}

pub async fn an_attached_file_is_kept_once(context: &mut Context) -> Result<(), StoreError> {
    let large = vec![0xff; 3 << 20];
    let store = context.store();
    store.save_attachments(TENANT, Vec::new()).await?;
    let first = vec![attachment("b", b"\0\xff%PDF"), attachment("a", &large), attachment("a", b"second")];
    store.save_attachments(TENANT, first).await?;
    store.save_attachments(TENANT, vec![attachment("b", b"again"), attachment("c", b"")]).await?;
    drop(store);
    context.reopen().await?;
    let store = context.store();
    for (hash, expected) in [("a", Some(&large[..])), ("b", Some(b"\0\xff%PDF")), ("c", Some(b"")), ("d", None)] {
        let found = store.attachment(TENANT, &hash.repeat(64)).await?;
        assert!(found.as_deref() == expected, "{hash}: {:?}", found.map(|bytes| bytes.len()));
    }
    Ok(())
}
