//! What the whole-hub tests share.

pub mod checker;
pub mod directory;
pub mod engine;
pub mod faults;
pub mod house;
pub mod mappings;
pub mod matching;
pub mod measure;
pub mod oracle;
pub mod process;
pub mod scripted;
pub mod server;
pub mod serving;

use std::path::{Path, PathBuf};

/// Tests and benchmarks have the allocator of the binary.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Private brokers and databases, and the way to them that can be cut.
pub use test_servers as servers;

/// The root of the workspace.
pub fn workspace() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().unwrap_or(manifest).to_path_buf()
}

/// A folder of real files that is not part of the product; `None`, said in one loud line, when it is missing.
pub fn samples(folder: &str) -> Option<PathBuf> {
    let root =
        std::env::var_os("PASSERELLE_SAMPLES").map_or_else(|| workspace().join("../shared/samples"), PathBuf::from);
    let path = root.join(folder);
    if path.is_dir() {
        return Some(path);
    }
    #[expect(clippy::print_stderr, reason = "a test that cannot run must be heard")]
    {
        eprintln!("NOT RUN: the samples in {} are missing; set PASSERELLE_SAMPLES", path.display());
    }
    None
}
