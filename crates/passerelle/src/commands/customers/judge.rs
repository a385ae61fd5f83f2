//! `passerelle customers merge`, `split`, `unlink`, `link`, `not-the-same` and `undo`: deciding who is who.

use console::{JudgementView, Meant, record_name};
use master::MasterId;
use store::{Command, Decision, Judged, JudgementAsked, JudgementKind, MatchStore, RecordName, Store, TaskClosing};

use super::super::collect::quiet_log;
use super::history::named;
use super::plan::{Concerned, Plan};
use super::tenant;
use crate::cli::{
    CustomersLink, CustomersMerge, CustomersNotTheSame, CustomersSplit, CustomersUndo, CustomersUnlink, Judging,
};
use crate::failure::{Exit, Failure};
use crate::output::{self, Table};
use crate::session::{carry_out, store_beside};
use crate::user;

/// An undo finds its judgement among so many of the newest ones.
const JUDGEMENTS_MAX: usize = 100_000;

/// A judgement that somebody wants, and what it is about.
struct Wanted {
    kind: JudgementKind,
    master_id: Option<MasterId>,
    other: Option<MasterId>,
    records: Vec<RecordName>,
    undoes: Option<u64>,
}

/// What a command reads before it decides.
struct Desk<'a> {
    store: std::sync::Arc<dyn Store>,
    tenant: String,
    judging: &'a Judging,
}

/// Makes two customers one.
///
/// # Errors
/// When one of them is nobody or several, or the hub cannot do it.
pub async fn merge(arguments: &CustomersMerge) -> Result<Exit, Failure> {
    let desk = Desk::open(&arguments.judging).await?;
    let (one, other) = (desk.customer(&arguments.survivor).await?, desk.customer(&arguments.other).await?);
    require_two(&one, &other)?;
    let wanted = Wanted::about(JudgementKind::Merge, &one, Some(&other));
    desk.judge(wanted, &[&one, &other], |customers| customers[1].records.clone()).await
}

/// Says that two customers are not one.
///
/// # Errors
/// When one of them is nobody or several, or the hub cannot do it.
pub async fn not_the_same(arguments: &CustomersNotTheSame) -> Result<Exit, Failure> {
    let desk = Desk::open(&arguments.judging).await?;
    let (one, other) = (desk.customer(&arguments.one).await?, desk.customer(&arguments.other).await?);
    require_two(&one, &other)?;
    let wanted = Wanted::about(JudgementKind::NotTheSame, &one, Some(&other));
    desk.judge(wanted, &[&one, &other], |_| Vec::new()).await
}

/// Makes two customers of one.
///
/// # Errors
/// When the customer is nobody or has no such record, or the hub cannot do it.
pub async fn split(arguments: &CustomersSplit) -> Result<Exit, Failure> {
    let desk = Desk::open(&arguments.judging).await?;
    let customer = desk.customer(&arguments.customer).await?;
    let records = arguments.records.iter().map(|text| record(text)).collect::<Result<Vec<_>, _>>()?;
    for record in &records {
        require_record(&customer, record)?;
    }
    let leaving = records.clone();
    let wanted = Wanted { records, ..Wanted::about(JudgementKind::Split, &customer, None) };
    desk.judge(wanted, &[&customer], |_| leaving).await
}

/// Takes a record away from its customer.
///
/// # Errors
/// When there is no such record, or the hub cannot do it.
pub async fn unlink(arguments: &CustomersUnlink) -> Result<Exit, Failure> {
    let desk = Desk::open(&arguments.judging).await?;
    let record = record(&arguments.record)?;
    let customer = desk.owner(&record).await?;
    let wanted = Wanted { records: vec![record.clone()], ..Wanted::about(JudgementKind::Unlink, &customer, None) };
    desk.judge(wanted, &[&customer], |_| vec![record]).await
}

/// Makes a record belong to a customer.
///
/// # Errors
/// When there is no such record or customer, or the hub cannot do it.
pub async fn link(arguments: &CustomersLink) -> Result<Exit, Failure> {
    let desk = Desk::open(&arguments.judging).await?;
    let record = record(&arguments.record)?;
    let (from, to) = (desk.owner(&record).await?, desk.customer(&arguments.customer).await?);
    let moved = if from.master_id() == to.master_id() { Vec::new() } else { vec![record.clone()] };
    let wanted = Wanted { records: vec![record], ..Wanted::about(JudgementKind::Link, &to, None) };
    desk.judge(wanted, &[&to, &from], |_| moved).await
}

/// Takes a judgement back.
///
/// # Errors
/// When there is no such judgement, or the hub cannot do it.
pub async fn undo(arguments: &CustomersUndo) -> Result<Exit, Failure> {
    let desk = Desk::open(&arguments.judging).await?;
    let undoes = Some(arguments.number);
    let wanted = Wanted { kind: JudgementKind::Undo, master_id: None, other: None, records: Vec::new(), undoes };
    if !arguments.judging.plan {
        return desk.carry_out(wanted).await;
    }
    let undone = desk.judgement(arguments.number).await?;
    let mut customers = Vec::new();
    for id in [Some(undone.master_id), undone.other].into_iter().flatten() {
        let meant = desk.customer(&id.to_string()).await?;
        if customers.iter().all(|concerned: &Concerned| concerned.master_id != meant.master_id()) {
            customers.push(Concerned::of(&*desk.store, &meant).await?);
        }
    }
    let plan = Plan { kind: wanted.kind, customers, records_moved: Vec::new(), undoes: Some(undone) };
    plan.tell(arguments.judging.json);
    Ok(Exit::Done)
}

impl Wanted {
    fn about(kind: JudgementKind, one: &Meant, other: Option<&Meant>) -> Self {
        Wanted {
            kind,
            master_id: Some(one.master_id()),
            other: other.map(Meant::master_id),
            records: Vec::new(),
            undoes: None,
        }
    }
}

impl<'a> Desk<'a> {
    async fn open(judging: &'a Judging) -> Result<Self, Failure> {
        let store = store_beside(&judging.place.dir).await?;
        let tenant = tenant::meant(&*store, judging.tenant.as_deref()).await?;
        Ok(Desk { store, tenant, judging })
    }

    async fn customer(&self, text: &str) -> Result<Meant, Failure> {
        tenant::customer(&*self.store, &self.tenant, text).await
    }

    /// The customer that a record belongs to.
    async fn owner(&self, record: &RecordName) -> Result<Meant, Failure> {
        let customer = self.customer(&named(record)).await?;
        // A name or a key may be spelled like a record.
        require_record(&customer, record)?;
        Ok(customer)
    }

    /// A judgement that was made.
    async fn judgement(&self, number: u64) -> Result<JudgementView, Failure> {
        let all = MatchStore::judgements(&*self.store, &self.tenant, &[], JUDGEMENTS_MAX).await?;
        let found = all.into_iter().filter(|judgement| judgement.number == number).collect();
        let named = JudgementView::named(&*self.store, &self.tenant, found).await?;
        named.into_iter().next().ok_or_else(|| {
            let message = format!("there is no judgement {number}; `passerelle customers judgements` lists them");
            Failure::usage("cli.unknown", message)
        })
    }

    /// Tells what a judgement is about, or has it carried out.
    async fn judge(
        self,
        wanted: Wanted,
        concerned: &[&Meant],
        moved: impl FnOnce(&[Concerned]) -> Vec<RecordName>,
    ) -> Result<Exit, Failure> {
        if !self.judging.plan {
            return self.carry_out(wanted).await;
        }
        let mut customers: Vec<Concerned> = Vec::new();
        for meant in concerned {
            if customers.iter().all(|known| known.master_id != meant.master_id()) {
                customers.push(Concerned::of(&*self.store, meant).await?);
            }
        }
        let records_moved = moved(&customers);
        Plan { kind: wanted.kind, customers, records_moved, undoes: None }.tell(self.judging.json);
        Ok(Exit::Done)
    }

    /// Has the hub carry a judgement out, and tells what came of it.
    async fn carry_out(self, wanted: Wanted) -> Result<Exit, Failure> {
        let Judging { reason, by, place, patience, json, .. } = self.judging;
        let closing = TaskClosing {
            decision: Decision::Acknowledged,
            reason: reason.clone().unwrap_or_default(),
            by: by.clone().map_or_else(user::name, Ok)?,
            at: jiff::Timestamp::now(),
        };
        closing.check().map_err(|error| Failure::usage("cli.refused", error))?;
        let Wanted { kind, master_id, other, records, undoes } = wanted;
        let (tenant, TaskClosing { by, reason, .. }) = (self.tenant, closing);
        let asked = JudgementAsked { tenant, kind, master_id, other, records, undoes, by, reason };
        // The hub takes the directory's lock where none runs beside.
        drop(self.store);
        crate::log::install(&quiet_log());
        let answer = carry_out(&place.dir, &Command::Judge(asked), patience.0).await?;
        let judged: Judged = serde_json::from_str(&answer)
            .map_err(|error| Failure::bug(format!("the hub's answer cannot be read: {error}")))?;
        if *json {
            output::json(&judged);
        } else {
            tell(&judged, kind);
        }
        Ok(Exit::Done)
    }
}

/// Tells which record belongs to whom now.
fn tell(judged: &Judged, kind: JudgementKind) {
    output::line(format!("judgement {}: {}", judged.number, kind.name()));
    let mut table = Table::new(&["record", "customer"]);
    for (record, id) in &judged.records {
        table.row([named(record), id.to_string()]);
    }
    table.print("it is about no record");
    if kind != JudgementKind::Undo {
        let number = judged.number;
        output::note(format!("passerelle: `passerelle customers undo {number} --reason …` takes it back"));
    }
}

/// A record as people write it.
fn record(text: &str) -> Result<RecordName, Failure> {
    record_name(text).ok_or_else(|| {
        Failure::usage("cli.record", format!("\"{text}\" names no record; write its system and its key, as erp/C-1001"))
    })
}

fn require_record(customer: &Meant, record: &RecordName) -> Result<(), Failure> {
    let mut rows = customer.story.crosswalk.iter();
    if rows.any(|row| *row.local.system == *record.system && row.local.key == record.key) {
        return Ok(());
    }
    let id = customer.master_id();
    let message =
        format!("{id} has no record {}; `passerelle customers show {id}` lists those that it has", named(record));
    Err(Failure::usage("cli.unknown", message))
}

fn require_two(one: &Meant, other: &Meant) -> Result<(), Failure> {
    if one.master_id() != other.master_id() {
        return Ok(());
    }
    let id = one.master_id();
    let message = format!("both are {id} already; `passerelle customers split {id} SYSTEM/KEY` makes two of it");
    Err(Failure::usage("cli.refused", message))
}
