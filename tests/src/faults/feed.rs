//! The systems drop their files while faults happen, and the file subscriber picks up what it is fed.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use fastrand::Rng;

use super::options::Options;
use super::run::Run;
use super::site::SOURCES;
use crate::checker::{Company, Inbox, Size};
use crate::directory::Directory;

/// The fewest rounds of a run.
const ROUNDS_MIN: u32 = 10;
/// How often the file subscriber looks for files.
const PICK_UP_DELAY: Duration = Duration::from_millis(100);

/// Drops every round, each when its share of the faults has begun, so that faults meet traffic from first to last.
pub(super) fn drop_all(options: &Options, root: &Path, directory: &Directory, run: &Run) {
    let (_, faults) = run.progress();
    let rounds = u32::try_from(faults).unwrap_or(u32::MAX).max(ROUNDS_MIN);
    let size = Size { rounds, ..Size::of(options.customers) };
    let mut company = Company::new(options.seed, size, root.join(SOURCES)).expect("a folder for the systems");
    let mut random = Rng::with_seed(options.seed);
    for round in 0.. {
        while faults > 0 && run.progress().0 * usize::try_from(rounds).unwrap_or(1) < round * faults {
            if !run.pause(Duration::from_millis(50)) {
                return;
            }
        }
        let Some(files) = company.next_round().expect("the files of a round") else { return };
        for file in files {
            file.drop_into(&directory.path(&format!("{}/in", file.system))).expect("a dropped file");
            if !run.pause(Duration::from_millis(random.u64(..400))) {
                return;
            }
        }
    }
}

/// Picks files up until all is over.
pub(super) fn pick_up(ledger: &mut Inbox, is_over: &AtomicBool, run: &Run) {
    while !is_over.load(Ordering::SeqCst) && !run.is_broken() {
        ledger.pick_up().expect("the files of the ledger");
        std::thread::sleep(PICK_UP_DELAY);
    }
}
