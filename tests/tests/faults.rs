//! The fault test finds what is planted in it, and passes what is right. Its real size is `tests/faults`.

// All of this is test code, which clippy sees only for functions marked as tests.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::process::Command;

use passerelle_tests::process::binary;
use serde_json::Value;

/// Runs the program in small, without faults; `None` where RabbitMQ or PostgreSQL is missing, which it has said.
fn run(arguments: &[&str]) -> Option<(i32, Value)> {
    let mut faults = Command::new(env!("CARGO_BIN_EXE_faults"));
    faults.args(["--faults", "0", "--customers", "100", "--patience", "4"]).args(arguments);
    let output = faults.env("PASSERELLE_BINARY", binary()).output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let code = output.status.code().unwrap();
    if code == 3 {
        print!("{err}");
        return None;
    }
    let last = out.lines().last().unwrap_or_default();
    let report: Value = serde_json::from_str(last).unwrap_or_else(|error| panic!("{error}: {out}{err}"));
    if let Some(kept) = out.lines().find_map(|line| line.split("kept in ").nth(1)) {
        // What is planted is found on purpose: nobody looks at its logs.
        std::fs::remove_dir_all(kept).unwrap();
    }
    Some((code, report))
}

/// A planted mistake is told by the figure that is about it, and ends the run with 1; nothing planted ends it with 0.
#[test]
fn what_is_planted_is_found_and_what_is_right_passes() {
    let check = |arguments: &[&str], figure: &str, code: i32, rows: u64| {
        let Some((ended, report)) = run(arguments) else { return };
        assert_eq!(ended, code, "{arguments:?}: {report:#}");
        assert_eq!((report["read"].as_u64(), report["accounted"].as_bool()), (Some(rows), Some(true)), "{report:#}");
        for name in ["lost", "duplicated", "reordered"] {
            assert_eq!(report[name], u64::from(name == figure), "{name} after {arguments:?}: {report:#}");
        }
        assert_eq!(report["findings"].as_array().unwrap().is_empty(), code == 0, "{report:#}");
    };
    check(&[], "", 0, 450);
    check(&["--plant", "loss"], "lost", 1, 450);
    check(&["--plant", "double"], "duplicated", 1, 450);
    check(&["--plant", "reorder"], "reordered", 1, 450);
}
