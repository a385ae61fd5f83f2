//! The command line.

use std::str::FromStr;
use std::time::Duration;

use crate::checker::Plant;

/// What `--help` prints.
pub const HELP: &str = "\
Kills, stops, cuts off and starves every part of a running hub, and checks that nothing is lost, doubled or reordered

Usage: ./tests/faults [OPTIONS]

Options:
  --seed N          Which faults, and which customers, invoices and payments [default: 1]
  --faults M        How many faults, each class at least three times; a smaller number is raised, 0 is none at all
                    [default: 30]
  --customers C     How many customers, each with an invoice, half a payment and one later edit [default: 50000]
  --plant WHAT      Plants a mistake at a subscriber, which must make the run fail: loss, double or reorder
  --patience S      For how many seconds nothing may move before the run gives up waiting [default: 90]
  --release         Builds and runs with optimisation (read by the script)
  --help            This text

The last line on standard output is JSON. Exit codes: 0 nothing is wrong; 1 something is, and the directory with all
logs is kept; 2 wrong usage; 3 RabbitMQ or PostgreSQL is not installed.
";

/// What a run is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Decides everything that is chosen.
    pub seed: u64,
    /// How many faults.
    pub faults: usize,
    /// How many customers.
    pub customers: u32,
    /// A mistake that a subscriber makes on purpose.
    pub plant: Option<Plant>,
    /// For how long nothing may move before the run gives up waiting.
    pub patience: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Options { seed: 1, faults: 30, customers: 50_000, plant: None, patience: Duration::from_secs(90) }
    }
}

/// Why a command line is not carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// Somebody asked for help.
    Help,
    /// It is wrong, in these words.
    Wrong(String),
}

impl Options {
    /// Reads the arguments after the program's name.
    ///
    /// # Errors
    /// When help is asked for, or an argument is unknown, has no value, or a wrong one.
    pub fn read(arguments: impl IntoIterator<Item = String>) -> Result<Self, Refused> {
        let mut options = Options::default();
        let mut arguments = arguments.into_iter();
        while let Some(name) = arguments.next() {
            if name == "--help" || name == "-h" {
                return Err(Refused::Help);
            }
            let known = ["--seed", "--faults", "--customers", "--plant", "--patience"];
            if !known.contains(&name.as_str()) {
                return Err(Refused::Wrong(format!("unknown argument {name}; try --help")));
            }
            let value = arguments.next().ok_or_else(|| Refused::Wrong(format!("{name} needs a value")))?;
            match name.as_str() {
                "--seed" => options.seed = number(&name, &value)?,
                "--faults" => options.faults = number(&name, &value)?,
                "--customers" => options.customers = number::<u32>(&name, &value)?.max(1),
                "--patience" => options.patience = Duration::from_secs(number(&name, &value)?),
                _ => options.plant = Some(plant(&value)?),
            }
        }
        Ok(options)
    }
}

fn number<T: FromStr>(name: &str, value: &str) -> Result<T, Refused> {
    value.parse().map_err(|_| Refused::Wrong(format!("{name} needs a whole number, not {value}")))
}

fn plant(value: &str) -> Result<Plant, Refused> {
    Plant::named(value).ok_or_else(|| Refused::Wrong(format!("--plant needs loss, double or reorder, not {value}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, expected: Result<Options, &str>) {
        let read = Options::read(line.split_whitespace().map(str::to_owned));
        let expected = expected.map_err(|reason| match reason {
            "help" => Refused::Help,
            reason => Refused::Wrong(reason.to_owned()),
        });
        assert_eq!(read, expected, "{line}");
    }

    #[test]
    fn the_command_line_is_read() {
        check("", Ok(Options::default()));
        check(
            "--seed 7 --faults 500 --customers 300 --plant loss --patience 5",
            Ok(Options {
                seed: 7,
                faults: 500,
                customers: 300,
                plant: Some(Plant::Loss),
                patience: Duration::from_secs(5),
            }),
        );
        check("--faults 3 --help", Err("help"));
        check("--seeds 3", Err("unknown argument --seeds; try --help"));
        check("--seed", Err("--seed needs a value"));
        check("--seed x", Err("--seed needs a whole number, not x"));
        check("--plant fire", Err("--plant needs loss, double or reorder, not fire"));
    }
}
