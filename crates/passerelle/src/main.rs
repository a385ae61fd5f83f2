//! The `passerelle` command.
//!
//! [`cli`] is what can be asked, `commands` does it, `configuration` reads the user's directory, and `session` opens
//! a store, a bus and a hub. Only this crate prints, and only through `output`.

mod accounting;
mod asyncapi;
mod cli;
mod commands;
mod configuration;
mod demo;
mod failure;
#[cfg(test)]
mod golden;
mod live;
mod log;
mod output;
mod pick_up;
mod place;
mod progress;
mod session;
mod user;

use std::panic::{self, AssertUnwindSafe};
use std::process::ExitCode;

use clap::Parser;

use cli::Cli;
use failure::{Exit, Failure};

/// How much it keeps of what was freed is set when it is built: `.cargo/config.toml`.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    install_panic_hook();
    let cli = Cli::parse();
    ended(|| start(cli)).into()
}

/// Does the work, tells what went wrong, and says how the process ends; a panic is a bug like any other.
fn ended(work: impl FnOnce() -> Result<Exit, Failure>) -> Exit {
    match panic::catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(exit)) => exit,
        Ok(Err(failure)) => {
            if !failure.message.is_empty() {
                output::note(format!("passerelle: {failure}"));
            }
            failure.exit
        }
        Err(_) => Exit::Bug,
    }
}

/// How many threads may wait for disks at the same time.
const BLOCKING_THREADS_MAX: usize = 16;

fn start(cli: Cli) -> Result<Exit, Failure> {
    // The only way in which this fails is that a provider is installed already, which serves as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        // Files and the store are reached through blocking threads; more of them than disks can serve only cost memory.
        .max_blocking_threads(BLOCKING_THREADS_MAX)
        .enable_all()
        .build()
        .map_err(|error| Failure::unreachable("cli.runtime", format!("threads cannot be started: {error}")))?;
    runtime.block_on(commands::carry_out(cli.command))
}

/// A panic is a bug of ours: one line that says so and where, without a value that could be personal.
fn install_panic_hook() {
    panic::set_hook(Box::new(|info| {
        let place = info.location().map(|location| format!(" at {}:{}", location.file(), location.line()));
        let backtrace = std::backtrace::Backtrace::capture();
        output::note(format!(
            "passerelle: bug{}: please report this line with what you did; nothing that was accepted is lost [cli.bug]",
            place.unwrap_or_default()
        ));
        if backtrace.status() == std::backtrace::BacktraceStatus::Captured {
            output::note(backtrace.to_string());
        }
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_end_has_its_exit_code_and_a_panic_is_a_bug() {
        let check = |work: &dyn Fn() -> Result<Exit, Failure>, expected: u8| {
            assert_eq!(ended(work).code(), expected);
        };
        check(&|| Ok(Exit::Done), 0);
        check(&|| Ok(Exit::Differs), 1);
        check(&|| Err(Failure::told()), 2);
        check(&|| Err(Failure::unreachable("hub.no-answer", "nobody answers")), 3);
        check(&|| Err(Failure::bug("two and two are five")), 70);
        check(&|| Err(store::StoreError::Internal("a row makes no sense".to_owned()).into()), 70);
        check(&|| panic!("a part of the program did what it should never do"), 70);
    }
}
