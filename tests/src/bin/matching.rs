//! How well customers are told apart; `tests/matching` builds and runs it.

use std::process::ExitCode;

use passerelle_tests::matching::{HELP, Options, run};

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "a program that prints JSON lines")]
fn main() -> ExitCode {
    if std::env::args().any(|argument| argument == "--help") {
        print!("{HELP}");
        return ExitCode::SUCCESS;
    }
    match Options::read(std::env::args().skip(1)).and_then(|options| run(&options, |line| println!("{line}"))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("matching: {reason}");
            ExitCode::from(2)
        }
    }
}
