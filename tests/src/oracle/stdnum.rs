//! One process of python-stdnum, asked over a pipe.

use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// The oracle; it ends when this is dropped.
pub(super) struct Stdnum {
    process: Child,
    requests: BufWriter<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Stdnum {
    pub(super) fn start(python: &Path, script: &Path) -> io::Result<Self> {
        let mut process =
            Command::new(python).arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().map_err(|error| {
                io::Error::new(error.kind(), format!("{} cannot be started: {error}", python.display()))
            })?;
        let (Some(requests), Some(answers)) = (process.stdin.take(), process.stdout.take()) else {
            return Err(io::Error::other("the oracle has no pipes"));
        };
        Ok(Self { process, requests: BufWriter::new(requests), answers: BufReader::new(answers) })
    }

    /// The countries of the IBAN registry with the structures of their account numbers, such as `5!n5!n11!c2!n`.
    pub(super) fn structures(&mut self) -> io::Result<Vec<(String, String)>> {
        writeln!(self.requests, "structures 0")?;
        self.requests.flush()?;
        let mut structures = Vec::new();
        loop {
            let line = line(&mut self.answers)?;
            match line.split_once(' ') {
                Some((country, structure)) => structures.push((country.to_owned(), structure.to_owned())),
                None => return Ok(structures),
            }
        }
    }

    /// The normal form of each number, or `-`.
    pub(super) fn verdicts(&mut self, scheme: &str, numbers: &[String]) -> io::Result<Vec<String>> {
        let Self { requests, answers, .. } = self;
        // Both pipes fill up: what is asked goes out while the answers come in.
        std::thread::scope(|scope| {
            let asking = scope.spawn(move || {
                writeln!(requests, "{scheme} {}", numbers.len())?;
                numbers.iter().try_for_each(|number| writeln!(requests, "{number}"))?;
                requests.flush()
            });
            let verdicts = numbers.iter().map(|_| line(answers)).collect();
            asking.join().map_err(|_| io::Error::other("the thread that asks has panicked"))??;
            verdicts
        })
    }
}

impl Drop for Stdnum {
    fn drop(&mut self) {
        // It has nothing to save; that it is gone already is as good.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn line(answers: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    if answers.read_line(&mut line)? == 0 {
        return Err(io::Error::other("the oracle ended early; what it said is above"));
    }
    line.truncate(line.trim_end_matches('\n').len());
    Ok(line)
}
