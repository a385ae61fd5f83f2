//! `passerelle demo`: a whole small company on this machine, on public configuration and commands alone.
//!
//! [`stage`] sets up the directory, [`company`] runs CRM, ledger and hub as processes of their own, [`crm`] and
//! [`ledger`] are what those two processes do, and [`final_state`] holds what everybody has in the end against a
//! committed file. [`life`] goes on changing things while somebody watches.

mod accounting;
mod company;
mod crm;
mod engines;
mod final_state;
mod ledger;
mod life;
mod show;
mod stage;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::Value;
use store::RecordOutcome;
use tokio::signal::unix::{SignalKind, signal};

use crate::failure::Exit;
use crate::output;
use accounting::Accounting;
use company::{Cli, Company};
use engines::Engines;
use show::Show;
use stage::Stage;

pub use crm::CrmArgs;
pub use ledger::LedgerArgs;

/// Arguments of `demo`.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Run until everything is delivered, hold the end against the expected one, and stop
    #[arg(long)]
    once: bool,
    /// Where everything is kept: a new or empty directory, or one of an earlier demo; default: a new temporary one
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// What happens by chance: when the CRM refuses, and what changes while you watch; 0: the CRM never refuses
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    engines: Engines,
}

/// What systems other than the CRM drop, in the order in which they are connected.
const DROPPERS: [&str; 3] = ["erp", "billing", "bank"];

/// Runs the demo: 0 when everything ended as expected, 1 when something differs, 2 when the directory cannot be used.
pub async fn run(arguments: DemoArgs) -> Exit {
    let stage = match Stage::set(arguments.dir.as_deref(), &arguments.engines) {
        Ok(stage) => stage,
        Err(error) => {
            output::note(format!("passerelle: demo: {error:#}"));
            return Exit::Usage;
        }
    };
    let show = Show::new();
    let ended = if arguments.once {
        tokio::select! {
            played = once(&stage, &show, arguments.seed) => played,
            // Dropping the play kills the processes that it started.
            () = stopped() => Err(anyhow::anyhow!("stopped")),
        }
    } else {
        life::watch(&stage, &show, arguments.seed).await.map(|()| true)
    };
    match ended {
        Ok(true) => Exit::Done,
        Ok(false) => Exit::Differs,
        Err(error) => {
            output::note(format!("passerelle: demo: {error:#}"));
            Exit::Differs
        }
    }
}

/// Runs the demo's CRM until standard input closes.
pub async fn run_crm(arguments: CrmArgs) -> Exit {
    ended(crm::serve(arguments).await)
}

/// Runs the demo's ledger until standard input closes.
pub async fn run_ledger(arguments: LedgerArgs) -> Exit {
    ended(ledger::serve(arguments).await)
}

fn ended(result: anyhow::Result<()>) -> Exit {
    match result {
        Ok(()) => Exit::Done,
        Err(error) => {
            output::note(format!("passerelle: demo: {error:#}"));
            Exit::Differs
        }
    }
}

/// Completes on SIGTERM or Ctrl-C.
async fn stopped() {
    let terminated = async {
        match signal(SignalKind::terminate()) {
            Ok(mut terminate) => {
                terminate.recv().await;
            }
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        () = terminated => {}
        Ok(()) = tokio::signal::ctrl_c() => {}
    }
}

/// What the demo has done to the other systems so far; equal before and after when nothing happened.
#[derive(Debug, PartialEq, Eq)]
struct Footprint {
    versions: BTreeMap<String, u64>,
    crm_writes: usize,
    ledger_imports: usize,
}

impl Footprint {
    async fn take(stage: &Stage, hub: &Cli) -> anyhow::Result<Self> {
        Ok(Footprint {
            versions: final_state::versions(&final_state::customers(hub).await?),
            crm_writes: lines(&stage.path("outside/crm/writes.log")),
            ledger_imports: lines(&stage.path("outside/ledger/imports.log")),
        })
    }
}

/// The lines of a log; none when there is none yet.
fn lines(file: &Path) -> usize {
    std::fs::read_to_string(file).map_or(0, |text| text.lines().count())
}

/// Plays the demo to its end and tells whether everything is as it should be.
async fn once(stage: &Stage, show: &Show, seed: u64) -> anyhow::Result<bool> {
    if stage.lived_on().exists() {
        anyhow::bail!(
            "in {} the company has gone on since (`passerelle demo` without --once), so its end is open; \
             name another directory",
            stage.directory.display()
        );
    }
    introduce(stage, show);
    let mut company = Company::open(stage, seed).await?;
    let played = play(stage, show, &mut company).await;
    company.close().await;
    let is_right = played?;
    if is_right {
        show.heading("Everything is as it should be. Look at it:");
    } else {
        show.heading("That is not as it should be. Look into it:");
    }
    show_ways_on(stage, show);
    Ok(is_right)
}

async fn play(stage: &Stage, show: &Show, company: &mut Company) -> anyhow::Result<bool> {
    let hub = company.hub().clone();
    hub.expect_done(&["check"]).await?;
    show.done("the configuration is right (passerelle check)");
    let before = if stage.is_repeat { Some(Footprint::take(stage, &hub).await?) } else { None };
    let mut accounting = Accounting::default();
    // The CRM first: its contacts must be known before anything is written to it, or it would get doubles.
    collect(&hub, show, &mut accounting, "crm").await?;
    for system in DROPPERS {
        stage.drop_inputs(system)?;
        collect(&hub, show, &mut accounting, system).await?;
    }
    company.ledger_is_done(stage).await?;
    show.done("the ledger has imported its files, the CRM has taken its changes");
    let middle = Footprint::take(stage, &hub).await?;
    let again = hub.json(&["run", "--once", "--json"]).await?;
    company.ledger_is_done(stage).await?;
    let after = Footprint::take(stage, &hub).await?;
    accounting.add(&again)?;
    let is_calm = check(
        show,
        middle == after,
        "every system read once more: no new version, no delivery, nothing loops",
        "every system read once more, and something moved",
    );
    show.heading("Accounting");
    show.plain(&accounting.render());
    show.heading("Checks");
    let adds_up =
        check(show, accounting.adds_up(), "every record read has one outcome", "the accounting does not add up");
    let is_repeated = before.is_none_or(|before| {
        check(
            show,
            before == after && accounting.delivered() == 0 && accounting.ended(&["created", "updated", "removed"]) == 0,
            "this was run before: all unchanged or duplicate, no new version, no delivery",
            "this was run before, and yet something changed",
        )
    });
    let is_expected = compare(stage, show, &hub, &accounting).await?;
    Ok(is_calm && adds_up && is_repeated && is_expected)
}

/// Reads one system through the command line, and tells in one line what came of it.
async fn collect(hub: &Cli, show: &Show, accounting: &mut Accounting, system: &str) -> anyhow::Result<()> {
    let printed = hub.json(&["collect", system, "--json"]).await?;
    let mut this = Accounting::default();
    this.add(&printed)?;
    accounting.add(&printed)?;
    let counts = this.to_json();
    let streams = counts.as_object().into_iter().flatten().filter(|(name, _)| name.starts_with(&format!("{system}/")));
    let told: Vec<String> = streams.map(|(name, counts)| format!("{name}: {}", sentence(counts))).collect();
    show.done(&told.join("; "));
    Ok(())
}

fn sentence(counts: &Value) -> String {
    let count = |name: &str| counts.get(name).and_then(Value::as_i64).unwrap_or_default();
    let names = RecordOutcome::ALL.map(RecordOutcome::name).into_iter();
    let parts: Vec<String> =
        names.filter(|name| count(name) != 0).map(|name| format!("{} {name}", count(name))).collect();
    let read = count("read");
    if parts.is_empty() { format!("{read} read") } else { format!("{read} read, {}", parts.join(", ")) }
}

fn check(show: &Show, is_right: bool, right: &str, wrong: &str) -> bool {
    if is_right {
        show.done(right)
    } else {
        show.wrong(wrong)
    }
    is_right
}

/// Holds what everybody has now against the committed end.
async fn compare(stage: &Stage, show: &Show, hub: &Cli, accounting: &Accounting) -> anyhow::Result<bool> {
    let mut expected = final_state::expected()?;
    let mut found = final_state::read(stage, hub).await?;
    let counts = expected.as_object_mut().and_then(|parts| parts.remove("accounting")).unwrap_or_default();
    let mut is_right = true;
    let mut parts = vec![("crm", "the CRM holds"), ("ledger", "the ledger holds"), ("master", "the master holds")];
    if !stage.is_repeat {
        expected["accounting"] = counts;
        found["accounting"] = accounting.to_json();
        parts.push(("accounting", "the accounting is"));
    }
    for (part, words) in parts {
        let differences = final_state::differences(&expected[part], &found[part]);
        let wrong = format!("{words} not what was expected (- expected, + found, ! other)");
        is_right &= check(show, differences.is_empty(), &format!("{words} what was expected"), &wrong);
        differences.iter().for_each(|line| show.plain(&format!("    {line}")));
    }
    Ok(is_right)
}

fn introduce(stage: &Stage, show: &Show) {
    show.heading("Menuiserie Caron, a small company near Lyon, and its accounting provider");
    show.plain("An ERP drops CSV, billing exports UBL, the bank drops camt.053, a CRM has an API, a ledger takes CSV.");
    show.plain(&format!("Everything is in {}", stage.directory.display()));
    show.plain("");
}

fn show_ways_on(stage: &Stage, show: &Show) {
    // As this program was called, so that the lines can be copied.
    let program = std::env::args().next().unwrap_or_else(|| "passerelle".to_owned());
    let directory = stage.directory.display().to_string();
    let place = if directory.contains(char::is_whitespace) {
        format!("--dir '{directory}'")
    } else {
        format!("--dir {directory}")
    };
    let command = |words: &str, shows: &str| show.command(&format!("{program} {words}"), shows);
    command(&format!("rejects list {place}"), "what the ERP got wrong, by file and line");
    command(
        &format!("customers show \"Garage Lemoine SAS\" {place}"),
        "one customer: what each system says, and whose word won",
    );
    command(&format!("trace F2026-0102 {place}"), "everything that happened to one invoice");
    command(&format!("demo --once {place}"), "the same files again: nothing changes");
    command("demo", "the company goes on, with the page open to watch");
    show.plain(&format!("  What CRM and ledger wrote down themselves is in {}", stage.path("outside").display()));
}
