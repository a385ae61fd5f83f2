//! The fault test: a whole hub of real processes whose every part is killed, stopped, cut off and starved while four
//! systems feed it, and an [independent checker](crate::checker) that says what came of it.
//!
//! Three `passerelle run` workers share one user's directory, a private PostgreSQL and a private RabbitMQ of three nodes;
//! they reach both through proxies that can be cut. A file subscriber and an HTTP subscriber write down what happens to
//! them. Which faults there are, and when, follows from a seed; what each meets is chance.
//!
//! | module | does |
//! |---|---|
//! | `options` | reads the command line |
//! | `plan` | chooses the faults |
//! | `run` | what all threads of a run share: time, progress, findings |
//! | `worker` | one hub process |
//! | `site` | servers, proxies, directory, subscribers |
//! | `lanes` | carries faults out, each lane one after the other, all lanes side by side |
//! | `feed` | lets the systems drop their files while faults happen |
//! | `accounting` | reads the hub's own accounting from its metrics |
//! | `end` | waits until all is quiet, and judges |

mod accounting;
mod end;
mod feed;
mod lanes;
mod options;
mod plan;
mod run;
mod site;
mod worker;

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::runtime::Handle;

pub use end::Report;
pub use options::{HELP, Options, Refused};
pub use plan::{CLASS_COUNT_MIN, Class, minimum};

use plan::{Lane, Plan};
use run::Run;
use site::Site;

/// Runs a fault test from beginning to end; `None`, said in one loud line, where RabbitMQ or PostgreSQL is missing.
///
/// It tells on standard output what happens. Call it outside asynchronous code: it blocks, and what needs a runtime uses
/// this one.
///
/// # Panics
/// When a server does not come back, or the machine refuses a file or a process; the directory is kept then.
pub fn run(options: &Options, runtime: &Handle) -> Option<Report> {
    let plan = Plan::new(options.seed, options.faults);
    let run = Run::new(&plan);
    let mut site = Site::new(options, runtime, &run)?;
    let is_over = AtomicBool::new(false);
    let Site { root, directory, workers, broker, database, ways, ledger, portal, .. } = &mut site;
    let (root, directory, broker_ways, store_way) = (&*root, &*directory, &ways.broker, &ways.store);
    let workers = Mutex::new(workers);
    let report = std::thread::scope(|scope| {
        let picking_up = scope.spawn(|| run.guarded(|| feed::pick_up(ledger, &is_over, &run)));
        let faults = [
            scope.spawn(|| run.guarded(|| lanes::workers(&workers, plan.of(Lane::Workers), &run))),
            scope.spawn(|| run.guarded(|| lanes::broker(broker, plan.of(Lane::Broker), &run))),
            scope.spawn(|| run.guarded(|| lanes::store(database, plan.of(Lane::Store), &run))),
            scope.spawn(|| {
                let ways = lanes::Ways { broker: broker_ways, store: store_way, runtime };
                run.guarded(|| lanes::connections(&ways, plan.of(Lane::Connections), &run));
            }),
            scope.spawn(|| run.guarded(|| feed::drop_all(options, root, directory, &run))),
        ];
        for thread in faults {
            if let Err(panic) = thread.join() {
                is_over.store(true, Ordering::SeqCst);
                std::panic::resume_unwind(panic);
            }
        }
        run.tell("all faults are healed and everything is dropped; waiting until all is quiet");
        let judged = end::wait_and_judge(options, root, &workers, portal, &run);
        is_over.store(true, Ordering::SeqCst);
        if let Err(panic) = picking_up.join() {
            std::panic::resume_unwind(panic);
        }
        judged
    });
    site.close(&report, &run);
    Some(report)
}
