//! Our verdicts on identifiers, held against python-stdnum's; see [`passerelle_tests::oracle`].

use std::process::ExitCode;

use passerelle_tests::oracle::{HELP, Options, compare};
use passerelle_tests::workspace;

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for people")]
fn main() -> ExitCode {
    if std::env::args().any(|argument| argument == "--help") {
        print!("{HELP}");
        return ExitCode::SUCCESS;
    }
    let options = match Options::read(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(reason) => {
            eprintln!("identifiers: {reason}");
            return ExitCode::from(2);
        }
    };
    println!("{:<20} {:>8} {:>8} {:>8}", "", "numbers", "valid", "differ");
    let script = workspace().join("tests/oracles/identifiers.py");
    match compare(&options, &script, |outcome| outcome.lines().iter().for_each(|line| println!("{line}"))) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("identifiers: {error}");
            ExitCode::from(3)
        }
    }
}
