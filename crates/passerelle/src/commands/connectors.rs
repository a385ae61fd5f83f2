//! `passerelle connectors` and `passerelle completions`.

use clap::CommandFactory;
use clap_complete::Shell;
use serde_json::json;

use crate::cli::{Cli, Connectors};
use crate::configuration::{connector_reference, nearest, registry};
use crate::failure::{Exit, Failure};
use crate::output::{self, Table};

/// Lists the connectors, or prints the reference of one.
///
/// # Errors
/// An unknown kind.
pub fn connectors(arguments: &Connectors) -> Result<Exit, Failure> {
    let registry = registry();
    let Some(kind) = &arguments.kind else {
        let described: Vec<(&str, String)> =
            registry.kinds().map(|kind| (kind, description(&registry, kind))).collect();
        if arguments.json {
            let view = described.iter().map(|(kind, description)| json!({ "kind": kind, "description": description }));
            output::json(&view.collect::<Vec<_>>());
            return Ok(Exit::Done);
        }
        let mut table = Table::new(&["kind", "what it does"]);
        for (kind, description) in described {
            table.row([kind.to_owned(), description]);
        }
        table.print("no connectors");
        return Ok(Exit::Done);
    };
    let (Some(schema), Some(reference)) = (registry.schema(kind), connector_reference(kind)) else {
        let known: Vec<&str> = registry.kinds().collect();
        let hint = nearest(kind, known.iter().copied()).map(|near| format!("did you mean \"{near}\"?"));
        let hint = hint.unwrap_or_else(|| format!("there are {}", known.join(", ")));
        return Err(Failure::usage("cli.unknown", format!("there is no connector \"{kind}\"; {hint}")));
    };
    if arguments.json {
        output::json(&schema)
    } else {
        output::line(reference.trim_end())
    }
    Ok(Exit::Done)
}

/// The first sentence of a connector's documentation.
fn description(registry: &connector::Registry, kind: &str) -> String {
    let schema = registry.schema(kind).map(schemars::Schema::to_value).unwrap_or_default();
    let text = schema.get("description").and_then(serde_json::Value::as_str).unwrap_or_default();
    text.split("\n\n").next().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Prints completions for a shell.
pub fn completions(shell: Shell) -> Exit {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "passerelle", &mut script);
    output::raw(&script);
    Exit::Done
}
