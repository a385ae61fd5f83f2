//! Which records of a stream a mapping is for: the head's `when`.

use canonical::record::Body;

use crate::cursor::{Context, Cursor, Resolved};
use crate::error::DataError;
use crate::mapping::Mapping;
use crate::program::Program;

/// Whether a record is one that the mapping is for. Of several rows, one that meets all conditions is enough.
/// Without conditions every record is.
pub(crate) fn selects(program: &Program, resolved: &Resolved, body: &Body) -> bool {
    if program.when.is_none() {
        return true;
    }
    let context = Context { program, resolved, variables: Vec::new() };
    match body {
        Body::Rows(rows) => (0..rows.len()).any(|row| program.when.hold(&context, Cursor::Row(rows, row))),
        _ => program.when.hold(&context, Cursor::start(body)),
    }
}

/// Refuses a written record that the mapping itself would pass over when it is read again:
/// the document does not belong there. A mapping that only reads writes nothing that could.
pub(crate) fn check_written(mapping: &Mapping, body: &Body) -> Result<(), Vec<DataError>> {
    let program = &mapping.program;
    if program.when.is_none() || mapping.writes().is_empty() {
        return Ok(());
    }
    let mut resolved = Resolved::default();
    resolved.resolve(program, body);
    if selects(program, &resolved, body) {
        return Ok(());
    }
    Err(vec![DataError {
        field: "when".into(),
        place: "record".into(),
        value_class: "record",
        reason: "the record would not be one that the mapping's own when lets in, so that it is not written; do not \
                 subscribe to such documents, or give the place a line or a constant"
            .to_owned(),
        code: "mapping.when",
    }])
}
