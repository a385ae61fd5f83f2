//! Four systems that feed customers, invoices and payments, and change them over time.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use fastrand::Rng;

/// How much the systems show, all together.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Customers; each is in the ERP and in the CRM.
    pub customers: u32,
    /// Invoices of the billing package.
    pub invoices: u32,
    /// Payments of the bank.
    pub payments: u32,
    /// Later states of those, spread over all four systems.
    pub edits: u32,
    /// In how many rounds they come; in each, every system drops one file.
    pub rounds: u32,
}

impl Size {
    /// The usual proportions for so many customers: one invoice, half a payment, and one edit for each.
    pub fn of(customers: u32) -> Self {
        Size { customers, invoices: customers, payments: customers / 2, edits: customers, rounds: 10 }
    }
}

/// One file that a system drops.
#[derive(Clone, Debug)]
pub struct Dropped {
    /// Which system.
    pub system: &'static str,
    /// The checker's own copy.
    pub kept: PathBuf,
}

impl Dropped {
    /// Gives a copy to the hub, as a careful system does: under another name first.
    ///
    /// # Errors
    /// What the file system answers.
    pub fn drop_into(&self, folder: &Path) -> io::Result<()> {
        let name = self.kept.file_name().unwrap_or_default();
        let unfinished = folder.join(name).with_extension("tmp");
        fs::copy(&self.kept, &unfinished)?;
        fs::rename(unfinished, folder.join(name))
    }
}

/// An invoice or a payment: its customer, and how often it was changed.
#[derive(Clone, Copy)]
struct Document {
    customer: u32,
    revision: u16,
}

/// The systems of a company. The same seed and size give the same files.
///
/// Every state of a record differs from all its other states, so that the log of a subscriber tells which one it got.
pub struct Company {
    random: Rng,
    size: Size,
    round: u32,
    folder: PathBuf,
    /// For each customer, how often the ERP and the CRM changed him.
    customers: Vec<[u16; 2]>,
    invoices: Vec<Document>,
    payments: Vec<Document>,
}

/// The four files of a round, while they are written.
struct Files {
    erp: BufWriter<File>,
    crm: BufWriter<File>,
    billing: BufWriter<File>,
    bank: BufWriter<File>,
}

/// How many of a total there are after a round.
fn until(total: u32, round: u32, rounds: u32) -> u32 {
    let share = u64::from(total) * u64::from(round) / u64::from(rounds.max(1));
    u32::try_from(share).unwrap_or(total)
}

/// A SIREN whose check digit is right: the ninth digit of the Luhn sum.
fn siren(customer: u32) -> String {
    let first = format!("{:08}", 10_000_000 + u64::from(customer) * 7 % 89_999_999);
    let digits = first.bytes().map(|byte| u32::from(byte - b'0'));
    let sum: u32 =
        digits.enumerate().map(|(at, digit)| if at % 2 == 1 { digit * 2 / 10 + digit * 2 % 10 } else { digit }).sum();
    format!("{first}{}", (10 - sum % 10) % 10)
}

impl Company {
    /// A company that keeps what its systems drop under `SYSTEM/` in a folder, where the checker reads it.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn new(seed: u64, size: Size, folder: PathBuf) -> io::Result<Self> {
        for system in ["erp", "crm", "billing", "bank"] {
            fs::create_dir_all(folder.join(system))?;
        }
        let random = Rng::with_seed(seed);
        let (customers, invoices, payments) = (Vec::new(), Vec::new(), Vec::new());
        Ok(Company { random, size, round: 0, folder, customers, invoices, payments })
    }

    /// Writes the files of the next round, in the order in which the systems drop them; `None` after the last.
    ///
    /// Half of the rounds drop documents before the customers that they need.
    ///
    /// # Errors
    /// What the file system answers.
    pub fn next_round(&mut self) -> io::Result<Option<Vec<Dropped>>> {
        if self.round >= self.size.rounds {
            return Ok(None);
        }
        self.round += 1;
        let (mut dropped, mut writers) = (Vec::new(), Vec::new());
        for (system, name, header) in [
            ("erp", "customers", "key,siren,name,city"),
            ("crm", "customers", "key,siren,email,phone"),
            ("billing", "invoices", "number,client,date,due,total"),
            ("bank", "payments", "reference,client,date,amount,text"),
        ] {
            let kept = self.folder.join(system).join(format!("{name}-{:06}.csv", self.round));
            let mut writer = BufWriter::new(File::create(&kept)?);
            writeln!(writer, "{header}")?;
            writers.push(writer);
            dropped.push(Dropped { system, kept });
        }
        let Ok([erp, crm, billing, bank]) = <[_; 4]>::try_from(writers) else { return Ok(None) };
        let mut files = Files { erp, crm, billing, bank };
        self.grow(&mut files)?;
        self.edit(&mut files)?;
        for mut writer in [files.erp, files.crm, files.billing, files.bank] {
            writer.flush()?;
        }
        self.random.shuffle(&mut dropped);
        Ok(Some(dropped))
    }

    /// What is new in this round.
    fn grow(&mut self, files: &mut Files) -> io::Result<()> {
        let Size { customers, invoices, payments, rounds, .. } = self.size;
        for customer in until(customers, self.round - 1, rounds)..until(customers, self.round, rounds) {
            self.customers.push([0; 2]);
            self.show_in_erp(customer, files)?;
            self.show_in_crm(customer, files)?;
        }
        for number in until(invoices, self.round - 1, rounds)..until(invoices, self.round, rounds) {
            let customer = self.random.u32(0..self.known());
            self.invoices.push(Document { customer, revision: 0 });
            self.show_invoice(number, files)?;
        }
        for number in until(payments, self.round - 1, rounds)..until(payments, self.round, rounds) {
            let customer = self.random.u32(0..self.known());
            self.payments.push(Document { customer, revision: 0 });
            self.show_payment(number, files)?;
        }
        Ok(())
    }

    fn known(&self) -> u32 {
        u32::try_from(self.customers.len()).unwrap_or(u32::MAX).max(1)
    }

    /// Later states of what is there; one record may have several in a round.
    fn edit(&mut self, files: &mut Files) -> io::Result<()> {
        let Size { edits, rounds, .. } = self.size;
        for _ in until(edits, self.round - 1, rounds)..until(edits, self.round, rounds) {
            match self.random.u32(0..4) {
                system @ 0..=1 => {
                    let customer = self.random.u32(0..self.known());
                    self.customers[customer as usize][system as usize] += 1;
                    if system == 0 { self.show_in_erp(customer, files)? } else { self.show_in_crm(customer, files)? }
                }
                2 if !self.invoices.is_empty() => {
                    let number = self.random.usize(0..self.invoices.len());
                    self.invoices[number].revision += 1;
                    self.show_invoice(u32::try_from(number).unwrap_or(u32::MAX), files)?;
                }
                _ if !self.payments.is_empty() => {
                    let number = self.random.usize(0..self.payments.len());
                    self.payments[number].revision += 1;
                    self.show_payment(u32::try_from(number).unwrap_or(u32::MAX), files)?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn show_in_erp(&self, customer: u32, files: &mut Files) -> io::Result<()> {
        let (siren, [revision, _]) = (siren(customer), self.customers[customer as usize]);
        writeln!(files.erp, "C{customer},{siren},\"Maison {customer}, fils\",Ville {}-{revision}", customer % 97)
    }

    fn show_in_crm(&self, customer: u32, files: &mut Files) -> io::Result<()> {
        let (siren, [_, revision]) = (siren(customer), self.customers[customer as usize]);
        // Now and then the telephone is cleared, and comes back later.
        let phone = if revision % 3 == 2 { String::new() } else { format!("+331{customer:08}") };
        writeln!(files.crm, "K{customer},{siren},c{customer}.{revision}@exemple.fr,{phone}")
    }

    fn show_invoice(&self, number: u32, files: &mut Files) -> io::Result<()> {
        let Document { customer, revision } = self.invoices[number as usize];
        let total = format!("{}.{:02}", 100 + number % 9_000, revision % 100);
        let due = 1 + number % 28;
        writeln!(files.billing, "F{number},C{customer},2026-03-01,2026-{:02}-{due:02},{total}", 4 + revision / 100)
    }

    fn show_payment(&self, number: u32, files: &mut Files) -> io::Result<()> {
        let Document { customer, revision } = self.payments[number as usize];
        let amount = format!("{}.50", 10 + number % 9_000);
        writeln!(files.bank, "B{number},K{customer},2026-03-02,{amount},VIR F{number} {revision}")
    }
}
