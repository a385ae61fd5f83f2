//! Committed files that are written from the program; `UPDATE_GOLDEN=1` writes them anew.

use std::path::Path;

/// Holds a file of the repository against what the program says.
///
/// # Panics
/// When both differ.
#[track_caller]
pub fn check(path: &str, expected: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&file, expected).unwrap();
    }
    let committed = std::fs::read_to_string(&file).unwrap_or_default();
    let differs = committed.lines().zip(expected.lines()).position(|(left, right)| left != right);
    assert!(
        committed == expected,
        "{path} is not what the program says (first difference in line {:?}); run the tests with UPDATE_GOLDEN=1 and commit it",
        differs.map(|line| line + 1)
    );
}
