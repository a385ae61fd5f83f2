//! `passerelle customers why`: where each value of a customer comes from, and what other rules would change.

use canonical::entity::{Entity, Operation};
use console::{Sources, Why};
use master::{Difference, Explanation, MasterId, Rules};
use serde::Serialize;
use store::{MasterStory, OperateStore};

use super::super::trace::{name, state};
use super::found;
use crate::cli::CustomersWhy;
use crate::configuration::load_rules;
use crate::failure::{Exit, Failure};
use crate::output::{self, Table, moment};
use crate::session::hub_beside;

mod words;

/// How many redirects are followed; masters are merged into masters that were merged before.
const REDIRECTS_MAX: usize = 64;

/// Tells why each value is as it is, or what other rules would change.
///
/// # Errors
/// When there is no store, no such customer or more than one, or the rules cannot be read.
pub async fn why(arguments: &CustomersWhy) -> Result<Exit, Failure> {
    let (hub_file, store) = hub_beside(&arguments.place.dir).await?;
    let story = story(&*store, arguments).await?;
    let rules = hub_file.tenants.get(&*story.tenant).map(|tenant| tenant.rules()).unwrap_or_default();
    match &arguments.rules {
        None => Ok(explain(&story, &rules, arguments.json)),
        Some(file) => {
            let (tried, findings) = load_rules(file, &arguments.place.dir, &story.tenant, &rules);
            findings.iter().for_each(|finding| output::note(finding.render()));
            let tried = tried.ok_or_else(Failure::told)?;
            Ok(compare(&story, &rules, &tried, arguments))
        }
    }
}

/// The story of the one customer that is meant; of its survivor, where it is one with another by now.
async fn story(store: &dyn OperateStore, arguments: &CustomersWhy) -> Result<MasterStory, Failure> {
    let (key, tenant) = (&arguments.key, arguments.tenant.as_deref());
    let mut ids: Vec<MasterId> = match key.parse() {
        Ok(id) => vec![id],
        Err(_) => found(store.find(tenant, key).await?),
    };
    ids.dedup();
    if let [_, _, ..] = ids[..] {
        let ids: Vec<String> = ids.iter().map(MasterId::to_string).collect();
        let message =
            format!("\"{key}\" is of several customers: {}; name one of them by its master id", ids.join(", "));
        return Err(Failure::usage("cli.several", message));
    }
    let mut next = ids.first().copied();
    for _ in 0..REDIRECTS_MAX {
        let Some(id) = next else { break };
        let Some(story) = store.story(tenant, id).await? else { break };
        next = story.master.redirect;
        match story.master.state {
            Operation::Redirect => output::note(format!("passerelle: {id} is {}", state(Operation::Redirect, next))),
            _ if story.master.entity == Entity::Customer => return Ok(story),
            _ => break,
        }
    }
    Err(Failure::usage("cli.unknown", format!("there is no customer \"{key}\"")))
}

/// Tells why each value is as it is.
fn explain(story: &MasterStory, rules: &Rules, json: bool) -> Exit {
    let sources = Sources::of(story);
    let why = Why::new(story, &sources, rules);
    if !why.is_current {
        output::note(
            "passerelle: the stored customer was made by other rules; it changes when a system shows it again, \
             and this is what it will be",
        );
    }
    if json {
        output::json(&why);
        return Exit::Done;
    }
    output::line(format!("{}\n", title(story)));
    let mut table = Table::new(&["unit", "value", "from", "because", "since"]);
    why.units.iter().for_each(|unit| rows(unit, &mut table));
    table.print("no system says anything of it");
    Exit::Done
}

/// What people call the customer.
fn title(story: &MasterStory) -> String {
    let master = &story.master;
    let name = name(&serde_json::from_str(&master.document).unwrap_or_default());
    let name = name.map(|name| format!(" \"{name}\"")).unwrap_or_default();
    let state = state(master.state, master.redirect);
    format!("customer {}{name}, version {}, {state}", master.master_id, master.version)
}

/// The winner of a unit, and below it those who say something else.
fn rows(unit: &Explanation<'_>, table: &mut Table) {
    table.row([
        unit.unit.clone(),
        words::value(&unit.unit, unit.value.as_ref()),
        words::source(&unit.winner.source),
        words::because(unit),
        moment(unit.winner.since),
    ]);
    for loser in unit.losers.iter().filter(|loser| !loser.agrees) {
        table.row([
            String::new(),
            words::value(&unit.unit, loser.value.as_ref()),
            words::source(&loser.source),
            words::behind(loser),
            moment(loser.since),
        ]);
    }
}

/// What other rules would change.
#[derive(Serialize)]
struct WhatIf<'a> {
    /// The customer.
    master_id: String,
    /// Each unit that would be another, with why it is as it is and why it would be as it would be.
    differences: Vec<Difference<'a>>,
}

/// Tells what other rules would change.
fn compare(story: &MasterStory, rules: &Rules, tried: &Rules, arguments: &CustomersWhy) -> Exit {
    let sources = Sources::of(story);
    let differences = master::what_if(&story.master.entity, &sources.views(), rules, tried);
    let exit = if differences.is_empty() { Exit::Done } else { Exit::Differs };
    if arguments.json {
        output::json(&WhatIf { master_id: story.master.master_id.to_string(), differences });
        return exit;
    }
    let mut table = Table::new(&["unit", "now", "would be", "from", "because", "since"]);
    for Difference { before, after } in &differences {
        table.row([
            after.unit.clone(),
            words::value(&before.unit, before.value.as_ref()),
            words::value(&after.unit, after.value.as_ref()),
            words::source(&after.winner.source),
            words::because(after),
            moment(after.winner.since),
        ]);
    }
    output::line(format!("{}\n", title(story)));
    table.print("these rules change nothing");
    exit
}
