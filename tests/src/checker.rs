//! An independent checker of a whole hub: nothing lost, nothing twice, nothing out of order, everybody alike.
//!
//! It reads what the systems gave (the CSV files that [`Company`] wrote) and what the subscribers got (their own
//! append-only [`Log`]s), and never a table, a message or a line of code of the hub.
//! [`Company`] makes the files, [`furnish`] the user's directory of the hub, [`Inbox`] and [`Portal`] are the
//! subscribers, and [`check`] gives the [`Verdict`].
//!
//! Survivorship is simple enough to be known here: each field has one owner, so that a subscriber must end with what
//! the owner of each field showed last.
//! All fields that one system owns of a record are one *part* of it.
//!
//! | figure | counts |
//! |---|---|
//! | `read` | rows of the source files |
//! | `lost` | records whose last state never reached a subscriber: for each subscriber, and once for each record |
//! | `duplicated` | effects that change nothing because they were applied before, and second records of one thing |
//! | `reordered` | effects that bring an older state of a part back, and documents that come before their customer |
//! | `differing_subscribers` | subscribers that do not end with what the sources showed last, or hold what nobody showed |
//!
//! A state that was never applied because a newer one followed is no loss: a subscriber is owed the last one.

mod company;
mod histories;
mod inbox;
mod log;
mod plant;
mod portal;
mod setup;
mod verdict;

pub use company::{Company, Dropped, Size};
pub use inbox::Inbox;
pub use log::{Effect, Log};
pub use plant::Plant;
pub use portal::Portal;
pub use setup::furnish;
pub use verdict::{Verdict, check};

/// What one system owns of an entity: columns of its file, under the same names at every subscriber.
struct Part {
    /// The system that alone shows these fields.
    system: &'static str,
    fields: &'static [&'static str],
}

/// Another document that one refers to.
struct Link {
    /// The field at the subscribers: their own key of the customer.
    field: &'static str,
    /// The system whose key of the customer stands in the source's column of that name.
    system: &'static str,
}

/// One entity as the sources show it and the subscribers hold it.
struct Kind {
    entity: &'static str,
    /// The field that tells which record it is, at every system and subscriber.
    identity: &'static str,
    customer: Option<Link>,
    parts: &'static [Part],
}

/// Everything that is fed. Customers first: the others refer to them.
const KINDS: [Kind; 3] = [
    Kind {
        entity: "customer",
        identity: "siren",
        customer: None,
        parts: &[
            Part { system: "erp", fields: &["name", "city"] },
            Part { system: "crm", fields: &["email", "phone"] },
        ],
    },
    Kind {
        entity: "invoice",
        identity: "number",
        customer: Some(Link { field: "client", system: "erp" }),
        parts: &[Part { system: "billing", fields: &["date", "due", "total"] }],
    },
    Kind {
        entity: "payment",
        identity: "reference",
        customer: Some(Link { field: "client", system: "crm" }),
        parts: &[Part { system: "bank", fields: &["date", "amount", "text"] }],
    },
];

/// The most parts that an entity has.
const PARTS_MAX: usize = 2;

/// The column with a system's own key of a customer, in its file of customers.
const CUSTOMER_KEY: &str = "key";

/// The position of an entity in [`KINDS`].
fn kind_of(entity: &str) -> Option<usize> {
    KINDS.iter().position(|kind| kind.entity == entity)
}
