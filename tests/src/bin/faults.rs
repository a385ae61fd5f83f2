//! The fault test as a program; `tests/faults` builds and runs it.

use std::process::ExitCode;

use passerelle_tests::faults::{HELP, Options, Refused, minimum, run};

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for people, with one line for machines")]
fn main() -> ExitCode {
    let options = match Options::read(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(Refused::Help) => {
            print!("{HELP}");
            return ExitCode::SUCCESS;
        }
        Err(Refused::Wrong(reason)) => {
            eprintln!("faults: {reason}");
            return ExitCode::from(2);
        }
    };
    if (1..minimum()).contains(&options.faults) {
        println!("--faults {} is raised to {}: each class three times", options.faults, minimum());
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("faults: no runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    let Some(report) = run(&options, runtime.handle()) else { return ExitCode::from(3) };
    report.findings.iter().for_each(|finding| println!("wrong: {finding}"));
    match serde_json::to_string(&report) {
        Ok(line) => println!("{line}"),
        Err(error) => {
            eprintln!("faults: the report cannot be written: {error}");
            return ExitCode::FAILURE;
        }
    }
    if report.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
