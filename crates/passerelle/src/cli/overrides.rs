//! Arguments of what decides single values.

use clap::Args;

use super::Place;
use crate::configuration::time_span::TimeSpan;

/// Who decides about a value, and why.
#[derive(Clone, Debug, Args)]
pub struct Overriding {
    /// Why; it is kept in the customer's journal
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    /// Who decides; the user of this machine when left out
    #[arg(long, value_name = "NAME")]
    pub by: Option<String>,
    /// The place.
    #[command(flatten)]
    pub place: Place,
    /// Of which tenant; needed only where there are several
    #[arg(long)]
    pub tenant: Option<String>,
    /// How long to wait for the hub
    #[arg(long, value_name = "TIME", default_value = "30s")]
    pub patience: TimeSpan,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `customers set`.
#[derive(Debug, Args)]
pub struct CustomersSet {
    /// The customer: a master id, a name, number or key, or a record as SYSTEM/KEY
    pub customer: String,
    /// What is decided, as `customers why` names it: legal_name, addresses.main, identifiers.siret
    pub unit: String,
    /// What it says: JSON, or else text
    #[arg(required_unless_present = "empty", allow_negative_numbers = true)]
    pub value: Option<String>,
    /// It says nothing, whatever the systems say
    #[arg(long, conflicts_with = "value")]
    pub empty: bool,
    /// Who and why.
    #[command(flatten)]
    pub overriding: Overriding,
}

/// Arguments of `customers unset`.
#[derive(Debug, Args)]
pub struct CustomersUnset {
    /// The customer: a master id, a name, number or key, or a record as SYSTEM/KEY
    pub customer: String,
    /// What was decided, as `customers why` names it
    pub unit: String,
    /// Who and why.
    #[command(flatten)]
    pub overriding: Overriding,
}
