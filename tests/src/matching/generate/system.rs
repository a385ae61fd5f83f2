//! What a system shows of a customer: its fields, its spelling, its mistakes.

use fastrand::Rng;

use super::World;
use super::country::Country;
use super::customer::{Customer, END, Name, at};
use super::dirt::{cut, misread, shortened, typed, without_accents};
use super::draw::{any, digits, odds, rng, weighted};
use super::numbers::siret;
use super::recipe::{System, Writing};

/// One record of a customer in a system.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record {
    /// Which system.
    pub system: usize,
    /// When it was made.
    pub since: u32,
    /// When it was changed.
    pub changes: [Option<u32>; 2],
}

/// Which systems have a customer, and since when.
pub(super) fn records(world: &World, block: u64, member: usize) -> Vec<Record> {
    let mut rng = rng(world.seed, &[3, block, member as u64]);
    let mut records = Vec::new();
    let systems = world.recipe.systems;
    let mut add = |rng: &mut Rng, system: usize| {
        let since = rng.u32(..END);
        let mut later = |odds_of_it| odds(rng, odds_of_it).then(|| rng.u32(since..END));
        let first = later(1_100);
        records.push(Record { system, since, changes: [first, first.and_then(|_| later(2_000))] });
    };
    for (number, system) in systems.iter().enumerate() {
        if odds(&mut rng, system.share) {
            add(&mut rng, number);
            if odds(&mut rng, system.twice) {
                add(&mut rng, number);
            }
        }
    }
    if records.is_empty() {
        let system = rng.usize(..systems.len());
        let since = rng.u32(..END);
        records.push(Record { system, since, changes: [None; 2] });
    }
    for record in &mut records {
        record.changes.sort_unstable_by_key(|change| change.unwrap_or(u32::MAX));
    }
    records
}

/// A row of the stream, without what tells the record.
#[derive(Clone, Debug, Default)]
pub(super) struct Row {
    pub name: String,
    pub given: String,
    pub family: String,
    pub birth: String,
    pub siren: String,
    pub vat: String,
    pub iban: String,
    pub email: String,
    pub phone: String,
    pub street: String,
    pub postcode: String,
    pub city: String,
}

/// What a record shows after so many changes.
pub(super) fn row(world: &World, block: &[Customer], of: (u64, usize, usize), record: &Record, changes: usize) -> Row {
    let (number, member, place) = of;
    let system = &world.recipe.systems[record.system];
    let customer = &block[member];
    let rng = rng(world.seed, &[4, number, member as u64, place as u64]);
    let mut clerk = Clerk { world, system, customer, others: block, country: &world.countries[customer.country], rng };
    let mut row = Row::default();
    let time = if odds(&mut clerk.rng, 900) { record.since / 3 } else { record.since };
    clerk.name(&mut row, time);
    clerk.reach(&mut row, time);
    clerk.numbers(&mut row);
    for time in record.changes.iter().take(changes).flatten() {
        match clerk.rng.u32(..10) {
            0..=3 => clerk.name(&mut row, *time),
            4..=8 => clerk.reach(&mut row, *time),
            _ => clerk.numbers(&mut row),
        }
    }
    row
}

/// Who types it in.
struct Clerk<'a> {
    world: &'a World,
    system: &'a System,
    customer: &'a Customer,
    /// All of the group or household.
    others: &'a [Customer],
    country: &'a Country,
    rng: Rng,
}

impl Clerk<'_> {
    fn written(&mut self, text: &str) -> String {
        let text = typed(&mut self.rng, text, self.system.slips);
        let text = match self.system.writing {
            Writing::Plain if odds(&mut self.rng, 40) => misread(&text),
            Writing::Plain => text,
            Writing::Capitals => without_accents(&text, true).to_uppercase(),
            Writing::Careless => {
                let plain = if self.rng.bool() { without_accents(&text, false) } else { text };
                if odds(&mut self.rng, 4_000) { plain.to_lowercase() } else { plain }
            }
        };
        cut(&text, self.system.letters_max)
    }

    fn name(&mut self, row: &mut Row, time: u32) {
        let Some(name) = at(&self.customer.names, time).cloned() else { return };
        let own = name.own.clone().filter(|_| self.system.name == "crm" || self.system.name == "shop");
        if self.customer.is_company {
            row.name = self.company_name(&name, own);
            return;
        }
        let [mut given, mut family] = own.unwrap_or([name.given, name.family]);
        if odds(&mut self.rng, 500) {
            given = given.split(' ').next().unwrap_or_default().to_owned();
        }
        if odds(&mut self.rng, 300) {
            given = given.chars().take(1).chain(['.']).collect();
        }
        if odds(&mut self.rng, self.system.swapped) {
            std::mem::swap(&mut given, &mut family);
        }
        let (given, family) = (self.written(&given), self.written(&family));
        (row.name, row.given, row.family) = match self.system.has_one_name {
            true if odds(&mut self.rng, 3_000) => (format!("{given} {family}"), String::new(), String::new()),
            true => (format!("{family} {given}"), String::new(), String::new()),
            false => (format!("{given} {family}"), given, family),
        };
    }

    fn company_name(&mut self, name: &Name, own: Option<[String; 2]>) -> String {
        if odds(&mut self.rng, 5) {
            return any(&mut self.rng, &self.world.scripts.emoji).repeat(2);
        }
        if let Some([_, own]) = own {
            return own;
        }
        let mut text = name.family.clone();
        if odds(&mut self.rng, 300) {
            // A word left out, or written short.
            let words: Vec<&str> = text.split(' ').collect();
            if words.len() > 1 {
                let at = self.rng.usize(..words.len());
                let short: String = words[at].chars().take(4).collect();
                let word = if self.rng.bool() { "" } else { short.as_str() };
                let shown: Vec<&str> =
                    words.iter().enumerate().map(|(place, all)| if place == at { word } else { all }).collect();
                text = shown.join(" ").trim().to_owned();
            }
        }
        let form = match self.rng.u32(..100) {
            0..=54 => name.form.clone(),
            55..=57 => any(&mut self.rng, &self.country.forms_long).to_owned(),
            _ => String::new(),
        };
        let text = if odds(&mut self.rng, 600) { format!("{form} {text}") } else { format!("{text} {form}") };
        let text = self.written(text.trim());
        if self.system.writing == Writing::Careless && odds(&mut self.rng, 60) {
            return format!("{text} {}", any(&mut self.rng, &self.world.scripts.emoji));
        }
        text
    }

    fn reach(&mut self, row: &mut Row, time: u32) {
        let fields = self.system.fields;
        if odds(&mut self.rng, fields.email) {
            let email = any(&mut self.rng, &self.customer.emails).to_owned();
            row.email = typed(&mut self.rng, &email, self.system.slips / 4);
            if odds(&mut self.rng, self.system.generic) {
                const NOBODY: [(u32, &str); 4] =
                    [(4, "noreply@example.com"), (2, "pasdemail@nomail.com"), (2, "test@test.com"), (1, "x@x.xx")];
                row.email = (*weighted(&mut self.rng, &NOBODY)).to_owned();
            }
        }
        if odds(&mut self.rng, fields.phone) {
            let phone = &self.customer.phones[self.rng.usize(..self.customer.phones.len())];
            let phone = phone.written(&mut self.rng);
            row.phone = typed(&mut self.rng, &phone, self.system.slips / 3);
            if odds(&mut self.rng, self.system.generic) {
                const NOBODY: [(u32, &str); 3] = [(4, "0000000000"), (2, "0123456789"), (1, "0606060606")];
                row.phone = (*weighted(&mut self.rng, &NOBODY)).to_owned();
            }
        }
        if odds(&mut self.rng, fields.address) {
            self.address(row, time);
        }
    }

    fn address(&mut self, row: &mut Row, time: u32) {
        let Some(home) = at(&self.customer.homes, time).cloned() else { return };
        let mut street = self.country.street_line(&home);
        if odds(&mut self.rng, 3_500) {
            street = shortened(&mut self.rng, &street, &self.country.short_forms);
        }
        if odds(&mut self.rng, 300) {
            street.clone_from(&home.street);
        }
        row.street = self.written(&street);
        row.city = self.written(&home.town);
        row.postcode = typed(&mut self.rng, &home.postcode, self.system.slips / 3);
        if self.system.writing == Writing::Capitals && odds(&mut self.rng, 1_000) {
            // A spreadsheet took it for a number.
            row.postcode = row.postcode.trim_start_matches('0').to_owned();
        }
        if odds(&mut self.rng, self.system.swapped / 3) {
            std::mem::swap(&mut row.street, &mut row.city);
        }
    }

    fn numbers(&mut self, row: &mut Row) {
        let fields = self.system.fields;
        if !self.customer.siren.is_empty() && odds(&mut self.rng, fields.siren) {
            row.siren = self.identifier(|customer| &customer.siren);
            if row.siren == self.customer.siren && odds(&mut self.rng, 1_500) {
                row.siren = siret(&mut self.rng, &self.customer.siren);
            }
        }
        if !self.customer.vat.is_empty() && odds(&mut self.rng, fields.vat) {
            row.vat = self.identifier(|customer| &customer.vat);
        }
        if !self.customer.ibans.is_empty() && odds(&mut self.rng, fields.iban) {
            row.iban = any(&mut self.rng, &self.customer.ibans).to_owned();
            if odds(&mut self.rng, 100) {
                row.iban = super::dirt::slip(&mut self.rng, &row.iban);
            }
        }
        if !self.customer.birth.is_empty() && odds(&mut self.rng, fields.birth) {
            row.birth = self.birth();
        }
    }

    /// An identifier, or in some cases a wrong one.
    fn identifier(&mut self, of: impl Fn(&Customer) -> &String) -> String {
        let right = of(self.customer).clone();
        if !odds(&mut self.rng, self.world.recipe.wrong_identifiers) {
            return right;
        }
        match self.rng.u32(..10) {
            0..=4 => super::dirt::slip(&mut self.rng, &right),
            // That of another company of the group, or an accident with another customer's.
            5..=6 => of(&self.others[self.rng.usize(..self.others.len())]).clone(),
            7..=8 => {
                let number = self.rng.u64(..self.world.blocks.max(1));
                let other = super::customer::block(self.world, number);
                other.first().map(of).cloned().unwrap_or_default()
            }
            _ => "0".repeat(right.len()),
        }
    }

    /// A birth date; with a slip, with day and month exchanged, or the first of a year where nobody knew.
    fn birth(&mut self) -> String {
        let right = self.customer.birth.clone();
        match self.rng.u32(..1_000) {
            0..=9 => format!("{}{:02}", &right[..8], self.rng.u32(1..29)),
            10..=14 => format!("19{}{}", digits(&mut self.rng, 2), &right[4..]),
            15..=19 if &right[8..] <= "12" => format!("{}-{}-{}", &right[..4], &right[8..], &right[5..7]),
            20..=22 => format!("{}-01-01", &right[..4]),
            23 => "1900-01-01".to_owned(),
            _ => right,
        }
    }
}
