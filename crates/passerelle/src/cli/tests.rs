use clap::CommandFactory;

use super::Cli;

/// The help of every command, one after the other.
fn all_help() -> String {
    let mut text =
        String::from("# Commands\n\nThis page is the help of the program itself; a test keeps both equal.\n");
    let mut root = Cli::command().term_width(100);
    root.build();
    add(&mut root, "passerelle", &mut text);
    text
}

fn add(command: &mut clap::Command, path: &str, text: &mut String) {
    let help = command.render_long_help().to_string();
    let lines: Vec<&str> = help.lines().map(str::trim_end).collect();
    text.push_str(&format!("\n## `{path}`\n\n```text\n{}\n```\n", lines.join("\n").trim_end()));
    for inner in command.get_subcommands_mut().filter(|inner| !inner.is_hide_set()) {
        let path = format!("{path} {}", inner.get_name());
        add(inner, &path, text);
    }
}

#[test]
fn the_commands_are_sound() {
    Cli::command().debug_assert();
}

#[test]
fn the_help_is_the_one_that_is_committed() {
    crate::golden::check("docs/cli.md", &all_help());
}

#[test]
fn every_command_that_does_something_has_an_example() {
    fn walk(command: &clap::Command, path: &str, missing: &mut Vec<String>) {
        let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        if !command.has_subcommands() && !after.contains("passerelle ") {
            missing.push(path.to_owned());
        }
        for inner in command.get_subcommands().filter(|inner| !inner.is_hide_set()) {
            walk(inner, &format!("{path} {}", inner.get_name()), missing);
        }
    }
    let mut missing = Vec::new();
    walk(&Cli::command(), "passerelle", &mut missing);
    assert_eq!(missing, Vec::<String>::new());
}
