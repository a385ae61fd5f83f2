//! Numbers of the one-stop shops of the European Union: sellers from outside it, and of imports.
//!
//! They have no check digit; in front stands the member state that gave them out, as a number of ISO 3166-1.

use crate::identifier::Reason;
use crate::identifier::checksum::{digits, number};

/// `EU`, a member state and six digits: sellers of services from outside the Union.
pub(super) fn union(bytes: &[u8]) -> Result<(), Reason> {
    member_state(&digits::<9>(bytes)?)
}

/// `IM`, a member state and seven digits: distance sales of imported goods.
pub(super) fn imports(bytes: &[u8]) -> Result<(), Reason> {
    member_state(&digits::<10>(bytes)?)
}

/// The member states, and Northern Ireland as 900.
fn member_state(digits: &[u32]) -> Result<(), Reason> {
    let member = matches!(
        number(&digits[..3]),
        40 | 56
            | 100
            | 191
            | 196
            | 203
            | 208
            | 233
            | 246
            | 250
            | 276
            | 300
            | 348
            | 372
            | 380
            | 428
            | 440
            | 442
            | 470
            | 528
            | 616
            | 620
            | 642
            | 703
            | 705
            | 724
            | 752
            | 900
    );
    if member { Ok(()) } else { Err(Reason::Unassigned) }
}
