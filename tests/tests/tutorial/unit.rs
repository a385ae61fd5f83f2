//! The systemd unit: systemd itself finds nothing wrong with it, and it leaves the service little to harm.

use std::path::Path;
use std::process::{Command, Output};

use passerelle_tests::process::binary;
use passerelle_tests::workspace;

/// The exposure that systemd may reckon at most, in tenths; a unit without hardening has 96.
const EXPOSURE_MAX: &str = "20";

fn analyze(arguments: &[&str], unit: &Path) -> Option<Output> {
    let output = Command::new("systemd-analyze").args(arguments).arg(unit).output();
    if output.is_err() {
        eprintln!("NOT RUN: deploy/systemd/passerelle.service is not looked at, because systemd-analyze is missing");
    }
    output.ok()
}

#[test]
fn systemd_finds_nothing_wrong_with_the_unit() {
    let text = std::fs::read_to_string(workspace().join("deploy/systemd/passerelle.service")).unwrap();
    let installed = "/usr/local/bin/passerelle ";
    assert!(text.contains(installed), "the unit starts another program");
    let folder = tempfile::tempdir().unwrap();
    let unit = folder.path().join("passerelle.service");
    // Where the binary is installed in earnest there is none on this machine.
    std::fs::write(&unit, text.replace(installed, &format!("{} ", binary().display()))).unwrap();
    let Some(verified) = analyze(&["verify", "--recursive-errors=no"], &unit) else { return };
    let told = String::from_utf8_lossy(&verified.stderr).into_owned();
    assert!(verified.status.success() && told.is_empty(), "{told}");
    let threshold = format!("--threshold={EXPOSURE_MAX}");
    let Some(judged) = analyze(&["security", "--offline=true", "--no-pager", &threshold], &unit) else { return };
    assert!(judged.status.success(), "{}", String::from_utf8_lossy(&judged.stdout));
}
