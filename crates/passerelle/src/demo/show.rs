//! What the demo tells people: short, aligned, with colour on a terminal only.

use std::io::IsTerminal;

use crate::output;

/// Tells one story on standard output.
pub struct Show {
    colour: bool,
}

impl Show {
    /// Colour where standard output is a terminal and nobody asked for none (`NO_COLOR`).
    pub fn new() -> Self {
        let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Show { colour: std::io::stdout().is_terminal() && !unwanted }
    }

    fn paint(&self, code: &str, text: &str) -> String {
        if self.colour { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    /// A heading with room above it.
    pub fn heading(&self, text: &str) {
        output::line("");
        output::line(self.paint("1", text));
    }

    /// What has been done.
    pub fn done(&self, text: &str) {
        output::line(format!("{} {text}", self.paint("32", "✓")));
    }

    /// What is wrong.
    pub fn wrong(&self, text: &str) {
        output::line(format!("{} {text}", self.paint("31", "✗")));
    }

    /// Anything else.
    pub fn plain(&self, text: &str) {
        output::line(text);
    }

    /// A command to try, with what it shows.
    pub fn command(&self, command: &str, shows: &str) {
        output::line(format!("  {}", self.paint("36", command)));
        output::line(format!("      {shows}"));
    }
}
