//! What the hub tells about its own work, on standard error.

use tracing_subscriber::EnvFilter;

use crate::configuration::{LogFormat, LogLevel, LogSettings};

/// The variable that goes before the configured level, in the syntax of `tracing_subscriber::EnvFilter`.
const VARIABLE: &str = "PASSERELLE_LOG";

/// What libraries do not tell: lapin reports as an error whatever a broker answers, which the bus tells in its own words,
/// and prints messages that come back whole.
const OTHERS: &str = "lapin=off";

/// Starts the log of this process; a second call changes nothing.
pub fn install(settings: &LogSettings) {
    let level = match settings.level {
        LogLevel::Error => "error",
        LogLevel::Warn => "warn",
        LogLevel::Info => "info",
        LogLevel::Debug => "debug",
        LogLevel::Trace => "trace",
    };
    let filter = EnvFilter::try_from_env(VARIABLE).unwrap_or_else(|_| EnvFilter::new(format!("{level},{OTHERS}")));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // The only way in which this fails is that there is a log already.
    let _ = match settings.format {
        LogFormat::Text => builder.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).try_init(),
        LogFormat::Json => builder.json().try_init(),
    };
}
