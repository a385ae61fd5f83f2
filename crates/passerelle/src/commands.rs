//! What each command does.

mod beside;
mod bus;
mod check;
mod collect;
mod connectors;
mod convert;
mod customers;
mod ingest;
mod init;
mod listings;
mod mappings;
mod matching;
mod parked;
mod rejected;
mod run;
mod status;
mod store;
mod systems;
mod tasks;
mod trace;

use crate::cli::Command;
use crate::failure::{Exit, Failure};

/// Carries a command out.
///
/// # Errors
/// Why it could not be carried out.
pub async fn carry_out(command: Command) -> Result<Exit, Failure> {
    match command {
        Command::Demo(arguments) => Ok(crate::demo::run(arguments).await),
        Command::DemoCrm(arguments) => Ok(crate::demo::run_crm(arguments).await),
        Command::DemoLedger(arguments) => Ok(crate::demo::run_ledger(arguments).await),
        Command::Init(arguments) => init::init(&arguments),
        Command::Check(arguments) => check::check(&arguments),
        Command::Run(arguments) => run::run(&arguments).await,
        Command::Ingest(arguments) => ingest::ingest(&arguments).await,
        Command::Collect(arguments) => collect::collect(&arguments).await,
        Command::Convert(arguments) => convert::convert(&arguments).await,
        Command::Match(arguments) => matching::matching(&arguments).await,
        Command::Trace(arguments) => trace::trace(&arguments).await,
        Command::Parked(arguments) => parked::parked(&arguments.action).await,
        Command::Tasks(arguments) => tasks::tasks(&arguments.action).await,
        Command::Rejects(arguments) => listings::rejects(&arguments.action).await,
        Command::Waiting(arguments) => listings::waiting(&arguments.action).await,
        Command::Customers(arguments) => customers::customers(&arguments.action).await,
        Command::Status(arguments) => status::status(&arguments).await,
        Command::Systems(arguments) => systems::systems(&arguments).await,
        Command::Schedules(arguments) => systems::schedules(&arguments).await,
        Command::Connectors(arguments) => connectors::connectors(&arguments),
        Command::Bus(arguments) => bus::bus(&arguments.action).await,
        Command::Store(arguments) => store::store(&arguments.action).await,
        Command::Mapping(arguments) => mappings::mapping(&arguments.action).await,
        Command::Completions(arguments) => Ok(connectors::completions(arguments.shell)),
    }
}
