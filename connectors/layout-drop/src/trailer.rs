//! Trailers: holding a file against its own before anything of it is given out, and looking ahead for them.

use std::io::Read;

use files::{Lines, Problem, Text};

use crate::line::{Cutter, Kind, Scope, Values};
use crate::plan::Plan;

/// Reads a file through.
///
/// Returns what the lines of it say about the names of fields.
///
/// # Errors
/// Refuses a file in which something that a trailer must close is not closed, or a trailer closes nothing.
pub(crate) fn verify<R: Read>(plan: &Plan, lines: &mut Lines<R>, text: Text) -> Result<Scope, Problem> {
    let (mut cutter, mut scope) = (Cutter::default(), Scope::default());
    let mut open: Vec<Option<u64>> = vec![None; plan.types.len()];
    while let Some(found) = lines.next_line()? {
        let Ok(line) = text.decode(lines.bytes(&found)) else { continue };
        let Kind::Of(of) = cutter.classify(plan, &mut scope, &line) else { continue };
        if let Some(depth) = plan.around.iter().position(|at| *at == of) {
            not_cut_off(plan, &open, depth, &format!("line {} begins another one", found.number))?;
            plan.around[depth..].iter().for_each(|inner| open[*inner] = None);
            open[of] = Some(found.number);
        } else if let Some(closed) = plan.types[of].closes
            && let Some(depth) = plan.around.iter().position(|at| *at == closed)
        {
            not_cut_off(plan, &open, depth + 1, &format!("line {} closes what is around it", found.number))?;
            if open[closed].is_none() {
                let (name, closed) = (&plan.types[of].name, &plan.types[closed].name);
                let number = found.number;
                let reason = format!(
                    "line {number} is a \"{name}\", but no \"{closed}\" is open there: the beginning is missing, or the \
                     file was put together wrongly; ask for it again"
                );
                return Err(Problem::refused("layout.stray-trailer", reason));
            }
            plan.around[depth..].iter().for_each(|inner| open[*inner] = None);
        }
    }
    not_cut_off(plan, &open, 0, "the file ends")?;
    Ok(scope)
}

/// Refuses a file in which something from this depth on is open that has a trailer.
fn not_cut_off(plan: &Plan, open: &[Option<u64>], depth: usize, why: &str) -> Result<(), Problem> {
    let unclosed = plan.around[depth..]
        .iter()
        .find_map(|at| open[*at].map(|line| (*at, line)).and_then(|(at, line)| Some((at, line, plan.trailer_of(at)?))));
    let Some((at, line, trailer)) = unclosed else { return Ok(()) };
    let (name, trailer) = (&plan.types[at].name, &plan.types[trailer].name);
    let reason = format!(
        "the \"{name}\" of line {line} has no \"{trailer}\" where {why}: the file was cut off or put together wrongly; \
         ask for it again"
    );
    Err(Problem::refused("layout.cut-off", reason))
}

/// Finds the trailers of one type, ahead of the lines that they close. As there is one for each, the next is the right one.
pub(crate) struct Ahead<R> {
    lines: Lines<R>,
    cutter: Cutter,
    scope: Scope,
}

impl<R: Read> Ahead<R> {
    pub fn new(lines: Lines<R>) -> Self {
        Ahead { lines, cutter: Cutter::default(), scope: Scope::default() }
    }

    /// The values of the next trailer behind this offset: a line that could not be read did not ask for its own.
    ///
    /// # Errors
    /// When the file cannot be read, or is not what it was when it was looked over.
    pub fn next(
        &mut self,
        plan: &Plan,
        trailer: usize,
        text: Text,
        behind: u64,
        into: &mut Values,
    ) -> Result<(), Problem> {
        while let Some(found) = self.lines.next_line()? {
            let Ok(line) = text.decode(self.lines.bytes(&found)) else { continue };
            let kind = self.cutter.classify(plan, &mut self.scope, &line);
            if kind == Kind::Of(trailer) && found.offset > behind {
                let taken = self.cutter.take(plan, &self.scope, trailer, &line, into);
                return taken
                    .map_err(|(code, reason)| Problem::refused(code, format!("line {}: {reason}", found.number)));
            }
        }
        let reason = format!("a \"{}\" that was there is gone; drop the file again", plan.types[trailer].name);
        Err(Problem::refused("layout.cut-off", reason))
    }
}
