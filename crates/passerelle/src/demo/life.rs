//! The company goes on: things change now and then, and somebody watches.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, bail};
use jiff::{Timestamp, ToSpan, Zoned};
use serde_json::{Value, json};

use super::accounting::Accounting;
use super::company::Company;
use super::show::Show;
use super::stage::{Stage, original};
use super::{DROPPERS, collect, introduce};

/// The time between two changes.
const CHANGE_DELAY: Duration = Duration::from_secs(7);

/// Runs the hub with its page, and changes something now and then until somebody stops it.
///
/// # Errors
/// When a part of the company ends that should not.
pub async fn watch(stage: &Stage, show: &Show, seed: u64) -> anyhow::Result<()> {
    introduce(stage, show);
    let console = stage.free_console()?;
    let company = Company::open(stage, seed).await?;
    if !stage.is_repeat {
        // Known before anything is written to it, or it would get doubles.
        collect(company.hub(), show, &mut Accounting::default(), "crm").await?;
    }
    let mut hub = company.hub().run()?;
    show.heading(&format!("Watch it at http://{console}/ and end it with Ctrl-C"));
    if !stage.is_repeat {
        DROPPERS.iter().try_for_each(|system| stage.drop_inputs(system).map(drop))?;
        show.plain("the ERP, billing and the bank have dropped their files");
    }
    let mut life = Life::new(stage, seed);
    let stopped = super::stopped();
    tokio::pin!(stopped);
    let ended = loop {
        tokio::select! {
            () = &mut stopped => break Ok(()),
            error = hub.ended() => break Err(error),
            () = tokio::time::sleep(CHANGE_DELAY) => match life.change(stage).await {
                Ok(told) => show.plain(&format!("{}  {told}", Zoned::now().strftime("%H:%M:%S"))),
                Err(error) => break Err(error),
            },
        }
    };
    hub.stop().await;
    company.close().await;
    show.plain("");
    show.plain(&format!("Everything stays in {}", stage.directory.display()));
    ended
}

/// What may change, and what has changed so far.
struct Life {
    random: fastrand::Rng,
    changes: usize,
    /// The ERP's customers as they are now; windows-1252.
    export: Vec<Vec<u8>>,
}

/// The column of the credit limit in the ERP's export.
const CREDIT_LIMIT: usize = 10;

/// Lines of the ERP's export that are about one customer without any trap.
const PLAIN_CUSTOMERS: [&[u8]; 3] = [b"C001;", b"C002;", b"C003;"];

impl Life {
    fn new(stage: &Stage, seed: u64) -> Self {
        let export = original("inputs/erp/clients-20261102.csv").unwrap_or_default();
        let changes = super::lines(&stage.lived_on());
        let random = fastrand::Rng::with_seed(seed.wrapping_add(changes as u64));
        Life { random, changes, export: export.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect() }
    }

    /// Changes something and says what.
    async fn change(&mut self, stage: &Stage) -> anyhow::Result<String> {
        self.changes += 1;
        let told = match self.random.u8(..3) {
            0 => self.credit_limit(stage)?,
            1 => self.phone(stage).await?,
            _ => self.invoice(stage)?,
        };
        let mut log = std::fs::OpenOptions::new().create(true).append(true).open(stage.lived_on())?;
        writeln!(log, "{} {told}", Timestamp::now())?;
        Ok(told)
    }

    /// The ERP drops a full export in which one credit limit is another.
    fn credit_limit(&mut self, stage: &Stage) -> anyhow::Result<String> {
        let start = PLAIN_CUSTOMERS[self.random.usize(..PLAIN_CUSTOMERS.len())];
        let limit = format!("{} {:03},00", self.random.u32(2..40), self.random.u32(..10) * 100);
        let line = self.export.iter_mut().find(|line| line.starts_with(start));
        let line = line.context("the ERP's export lacks a customer")?;
        let mut values: Vec<&[u8]> = line.split(|byte| *byte == b';').collect();
        *values.get_mut(CREDIT_LIMIT).context("the ERP's export lacks a column")? = limit.as_bytes();
        *line = values.join(&b';');
        stage.drop_file("erp", &format!("clients-{}.csv", self.stamp()), &self.export.join(&b'\n'))?;
        let code = String::from_utf8_lossy(&start[..start.len() - 1]).into_owned();
        Ok(format!("the ERP exports its customers: the credit limit of {code} is now {limit} EUR"))
    }

    /// Somebody types another telephone number into the CRM.
    async fn phone(&mut self, stage: &Stage) -> anyhow::Result<String> {
        let (address, token) = (stage.crm_address()?, std::fs::read_to_string(stage.token_file())?);
        let id = self.random.u64(101..106);
        let phone = format!("+33 4 72 00 {:02} {:02}", self.random.u32(..100), self.random.u32(..100));
        let fields = json!({ "phone": phone });
        tokio::task::spawn_blocking(move || edit_contact(address, token.trim(), id, &fields)).await??;
        Ok(format!("somebody gives contact {id} another telephone number in the CRM"))
    }

    /// Billing issues an invoice like an earlier one.
    fn invoice(&mut self, stage: &Stage) -> anyhow::Result<String> {
        let model = std::str::from_utf8(original("inputs/billing/F2026-0101.xml")?)?;
        let today = Zoned::now().date();
        let number = format!("F{}-{:04}", today.year(), 1000 + self.changes);
        let due = today.checked_add(30.days())?;
        let issued = model
            .replace("F2026-0101", &number)
            .replace("<cbc:IssueDate>2026-10-05", &format!("<cbc:IssueDate>{today}"))
            .replace("<cbc:DueDate>2026-11-04", &format!("<cbc:DueDate>{due}"));
        stage.drop_file("billing", &format!("{number}.xml"), issued.as_bytes())?;
        Ok(format!("billing exports the invoice {number}"))
    }

    /// A part of a file's name that sorts by time.
    fn stamp(&self) -> String {
        format!("{}-{:04}", Zoned::now().strftime("%Y%m%d%H%M%S"), self.changes)
    }
}

/// How long the CRM may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Does what a screen of the CRM does when somebody saves a contact.
fn edit_contact(address: SocketAddr, token: &str, id: u64, fields: &Value) -> anyhow::Result<()> {
    let body = fields.to_string();
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE).context("the CRM does not answer")?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(
        stream,
        "PATCH /api/contacts/{id} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )?;
    let mut status = String::new();
    BufReader::new(stream).read_line(&mut status)?;
    if !status.starts_with("HTTP/1.1 200") {
        bail!("the CRM answered {}", status.trim());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_exports_that_keep_their_form() {
        let folder = tempfile::tempdir().unwrap();
        let stage = Stage::set(Some(&folder.path().join("demo")), &super::super::Engines::default()).unwrap();
        let mut life = Life::new(&stage, 3);
        let told = life.credit_limit(&stage).unwrap();
        assert!(told.contains("credit limit of C00"), "{told}");
        let dropped = std::fs::read_dir(stage.path("in/erp")).unwrap().next().unwrap().unwrap().path();
        let before = original("inputs/erp/clients-20261102.csv").unwrap();
        let after = std::fs::read(dropped).unwrap();
        let lines = |text: &[u8]| text.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect::<Vec<_>>();
        let changed = lines(before).into_iter().zip(lines(&after)).filter(|(before, after)| before != after).count();
        assert_eq!(changed, 1);
        life.changes = 7;
        life.invoice(&stage).unwrap();
        let dropped = std::fs::read_dir(stage.path("in/billing")).unwrap().next().unwrap().unwrap().path();
        let invoice = std::fs::read_to_string(dropped).unwrap();
        assert!(!invoice.contains("F2026-0101") && !invoice.contains("2026-10-05"), "{invoice}");
    }
}
