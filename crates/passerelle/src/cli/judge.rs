//! Arguments of what decides who is who.

use clap::Args;

use super::Place;
use crate::configuration::time_span::TimeSpan;

/// Who decides, why, and how.
#[derive(Clone, Debug, Args)]
pub struct Judging {
    /// Why; it is kept with the judgement
    #[arg(long, value_name = "TEXT", required_unless_present = "plan")]
    pub reason: Option<String>,
    /// Who decides; the user of this machine when left out
    #[arg(long, value_name = "NAME")]
    pub by: Option<String>,
    /// Tell which customers, records, systems and documents it is about, and change nothing
    #[arg(long)]
    pub plan: bool,
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

/// Arguments of `customers merge`.
#[derive(Debug, Args)]
pub struct CustomersMerge {
    /// The customer that stays: a master id, a name, number or key, or a record as SYSTEM/KEY
    pub survivor: String,
    /// The customer that becomes one with it, said in the same way
    pub other: String,
    /// The judgement.
    #[command(flatten)]
    pub judging: Judging,
}

/// Arguments of `customers split`.
#[derive(Debug, Args)]
pub struct CustomersSplit {
    /// The customer: a master id, a name, number or key, or a record as SYSTEM/KEY
    pub customer: String,
    /// The records that leave it, together, as SYSTEM/KEY
    #[arg(required = true, value_name = "RECORD")]
    pub records: Vec<String>,
    /// The judgement.
    #[command(flatten)]
    pub judging: Judging,
}

/// Arguments of `customers unlink`.
#[derive(Debug, Args)]
pub struct CustomersUnlink {
    /// The record that leaves its customer, as SYSTEM/KEY
    pub record: String,
    /// The judgement.
    #[command(flatten)]
    pub judging: Judging,
}

/// Arguments of `customers link`.
#[derive(Debug, Args)]
pub struct CustomersLink {
    /// The record, as SYSTEM/KEY
    pub record: String,
    /// The customer that it belongs to: a master id, a name, number or key, or another record as SYSTEM/KEY
    pub customer: String,
    /// The judgement.
    #[command(flatten)]
    pub judging: Judging,
}

/// Arguments of `customers not-the-same`.
#[derive(Debug, Args)]
pub struct CustomersNotTheSame {
    /// The one: a master id, a name, number or key, or a record as SYSTEM/KEY
    pub one: String,
    /// The other, said in the same way
    pub other: String,
    /// The judgement.
    #[command(flatten)]
    pub judging: Judging,
}

/// Arguments of `customers undo`.
#[derive(Debug, Args)]
pub struct CustomersUndo {
    /// The number of the judgement, as `customers judgements` lists it
    pub number: u64,
    /// The judgement.
    #[command(flatten)]
    pub judging: Judging,
}

/// Arguments of `customers judgements`.
#[derive(Debug, Args)]
pub struct CustomersJudgements {
    /// Only what is about this customer: a master id, a name, number or key, or a record as SYSTEM/KEY
    pub customer: Option<String>,
    /// The place.
    #[command(flatten)]
    pub place: Place,
    /// Of which tenant; needed only where there are several
    #[arg(long)]
    pub tenant: Option<String>,
    /// At most this many
    #[arg(long, value_name = "COUNT", default_value_t = 100)]
    pub limit: usize,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}
