//! Whose customers are meant: master ids and judgements are counted for each tenant.

use std::collections::BTreeSet;

use console::{Meant, NotMeant};
use store::OperateStore;

use crate::failure::Failure;
use crate::session::everything;

/// The tenant that a command says, or the only one there is.
///
/// # Errors
/// When there are several and none was said, or the store cannot be asked.
pub async fn meant(store: &dyn OperateStore, said: Option<&str>) -> Result<String, Failure> {
    let streams = store.streams(&everything()).await?;
    let tenants: BTreeSet<String> = streams.into_iter().map(|stream| stream.stream.tenant.to_string()).collect();
    match (said, tenants.len()) {
        (Some(said), _) if tenants.contains(said) => Ok(said.to_owned()),
        (Some(said), _) => {
            let names: Vec<&str> = tenants.iter().map(String::as_str).collect();
            let names = names.join(", ");
            Err(Failure::usage("cli.unknown", format!("there is no tenant \"{said}\"; there is {names}")))
        }
        (None, 0) => Err(Failure::usage("cli.unknown", "nothing was read yet, so there is no customer")),
        (None, 1) => Ok(tenants.into_iter().next().unwrap_or_default()),
        (None, _) => {
            let names: Vec<&str> = tenants.iter().map(String::as_str).collect();
            let message = format!("there are several tenants: {}; say which with --tenant", names.join(", "));
            Err(Failure::usage("cli.several", message))
        }
    }
}

/// The one customer that a text means.
///
/// # Errors
/// When it means nobody or several, or the store cannot be asked.
pub async fn customer(store: &dyn OperateStore, tenant: &str, text: &str) -> Result<Meant, Failure> {
    Meant::find(store, tenant, text).await.map_err(|error| match error {
        NotMeant::Store(error) => error.into(),
        NotMeant::Nobody(_) => Failure::usage("cli.unknown", error.to_string()),
        NotMeant::Several(..) => Failure::usage("cli.several", error.to_string()),
    })
}
