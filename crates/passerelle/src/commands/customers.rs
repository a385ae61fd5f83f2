//! `passerelle customers`: the master.

mod history;
mod judge;
mod pair;
mod plan;
mod set;
pub(super) mod tenant;
mod why;

use canonical::entity::Entity;
use console::{StoryDocument, StoryView};
use master::MasterId;
use serde_json::Value;
use store::{Filter, Hit, MasterStory};

use super::listings::filter;
use super::trace::{DOCUMENTS_MAX, DropNames, drop_names, name, state, story_text};
use crate::cli::{CustomersAction, CustomersList, CustomersShow};
use crate::failure::{Exit, Failure};
use crate::output::{self, Table};
use crate::session::store_beside;

/// Lists or shows customers, tells why they are as they are, and decides who is who.
///
/// # Errors
/// When there is no store, or no such customer.
pub async fn customers(action: &CustomersAction) -> Result<Exit, Failure> {
    match action {
        CustomersAction::List(arguments) => list(arguments).await,
        CustomersAction::Show(arguments) => show(arguments).await,
        CustomersAction::Why(arguments) => match &arguments.other {
            None => why::why(arguments).await,
            Some(other) => pair::pair(arguments, other).await,
        },
        CustomersAction::Merge(arguments) => judge::merge(arguments).await,
        CustomersAction::Split(arguments) => judge::split(arguments).await,
        CustomersAction::Unlink(arguments) => judge::unlink(arguments).await,
        CustomersAction::Link(arguments) => judge::link(arguments).await,
        CustomersAction::NotTheSame(arguments) => judge::not_the_same(arguments).await,
        CustomersAction::Undo(arguments) => judge::undo(arguments).await,
        CustomersAction::Judgements(arguments) => history::history(arguments).await,
        CustomersAction::Set(arguments) => set::set(arguments).await,
        CustomersAction::Unset(arguments) => set::unset(arguments).await,
    }
}

async fn list(arguments: &CustomersList) -> Result<Exit, Failure> {
    let listing = &arguments.listing;
    let filter = Filter { entity: Some(Entity::Customer), text: arguments.text.clone(), ..filter(listing) };
    let masters = store_beside(&listing.place.dir).await?.masters(&filter).await?;
    if listing.json {
        output::json(&masters);
        return Ok(Exit::Done);
    }
    let mut table = Table::new(&["master", "version", "state", "name", "known to"]);
    for master in masters {
        let document: Value = serde_json::from_str(master.document.get()).unwrap_or_default();
        let systems: Vec<String> = master.systems.iter().map(|(system, key)| format!("{system} {key}")).collect();
        table.row([
            master.master_id.to_string(),
            master.version.to_string(),
            state(master.state, None),
            name(&document).unwrap_or_default(),
            systems.join(", "),
        ]);
    }
    table.print("no customers");
    Ok(Exit::Done)
}

async fn show(arguments: &CustomersShow) -> Result<Exit, Failure> {
    let store = store_beside(&arguments.place.dir).await?;
    let tenant = arguments.tenant.as_deref();
    let ids = match arguments.key.parse::<MasterId>() {
        Ok(id) => vec![id],
        Err(_) => found(store.find(tenant, &arguments.key).await?),
    };
    let mut stories = Vec::new();
    for id in ids {
        let Some(story) = store.story(tenant, id).await? else { continue };
        if story.master.entity == Entity::Customer {
            let documents = StoryDocument::of(&*store, tenant, &story, DOCUMENTS_MAX).await?;
            stories.push((story, documents));
        }
    }
    if stories.is_empty() {
        return Err(Failure::usage("cli.unknown", format!("there is no customer \"{}\"", arguments.key)));
    }
    if arguments.json {
        output::json(
            &stories.iter().map(|(story, documents)| StoryView::new(story, documents.clone())).collect::<Vec<_>>(),
        );
    } else {
        let names = drop_names(&*store).await?;
        stories.iter().for_each(|(story, documents)| print(story, documents, &names));
    }
    Ok(Exit::Done)
}

fn found(hits: Vec<Hit>) -> Vec<MasterId> {
    let customers = hits.into_iter().filter_map(|hit| match hit {
        Hit::Master(master) if master.entity == Entity::Customer => Some(master.master_id),
        _ => None,
    });
    customers.collect()
}

fn print(story: &MasterStory, documents: &[StoryDocument], names: &DropNames) {
    output::line(story_text(story, documents, names));
    output::line("");
    output::json(&serde_json::from_str::<Value>(&story.master.document).unwrap_or_default());
    for source in &story.sources {
        if *source.local.system == *master::STEWARD {
            // What is decided no longer is told by the journal.
            if !source.removed {
                output::line("\nstewards decided, whatever systems show:");
                output::json(&serde_json::from_str::<Value>(&source.document).unwrap_or_default());
            }
            continue;
        }
        let gone = if source.removed { ", no longer shown" } else { "" };
        output::line(format!(
            "\n{} shows it as {} (stream {}, drop {}{gone}):",
            source.local.system, source.local.key, source.stream, source.position.drop
        ));
        output::json(&serde_json::from_str::<Value>(&source.document).unwrap_or_default());
    }
}
