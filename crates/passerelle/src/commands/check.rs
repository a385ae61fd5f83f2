//! `passerelle check`.

use crate::cli::Check;
use crate::configuration::{Severity, load};
use crate::failure::{Exit, Failure};
use crate::output::{self, counted_or_no};

/// Tells everything that is wrong in a user's directory.
///
/// # Errors
/// Never; findings are the product.
pub fn check(arguments: &Check) -> Result<Exit, Failure> {
    let loaded = load(&arguments.dir);
    let count = |severity| loaded.findings.iter().filter(|finding| finding.severity == severity).count();
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    if arguments.json {
        output::json(&loaded.findings.iter().map(crate::configuration::Finding::to_json).collect::<Vec<_>>());
    } else {
        loaded.findings.iter().for_each(|finding| output::note(finding.render()));
    }
    let Some(configuration) = loaded.configuration else {
        if !arguments.json {
            output::note(format!("{}, {}", counted_or_no(errors, "error"), counted_or_no(warnings, "warning")));
        }
        return Ok(Exit::Usage);
    };
    if !arguments.json {
        let systems = configuration.systems.values();
        let streams: usize = systems.clone().map(|system| system.streams.len()).sum();
        let subscriptions: usize = systems.map(|system| system.subscriptions.len()).sum();
        output::line(format!(
            "{}: {}, {}, {}; no errors, {}",
            arguments.dir.display(),
            counted_or_no(configuration.systems.len(), "system"),
            counted_or_no(streams, "stream"),
            counted_or_no(subscriptions, "subscription"),
            counted_or_no(warnings, "warning"),
        ));
    }
    Ok(Exit::Done)
}
