//! The customers that there are: who they truly are, where they live at what time, and who shares what with whom.

use fastrand::Rng;

use super::World;
use super::country::{Country, Home};
use super::draw::{any, odds, rng, weighted};
use super::numbers::{Phone, iban, siren, vat};

/// Times are between 0 and this.
pub(super) const END: u32 = 1 << 30;

/// What a customer is called.
#[derive(Clone, Debug, Default)]
pub(super) struct Name {
    /// A person's; empty for a company.
    pub given: String,
    /// A person's family name, or all of a company's but its legal form.
    pub family: String,
    /// A company's legal form.
    pub form: String,
    /// The same name in the customer's own alphabet: given and family name.
    pub own: Option<[String; 2]>,
}

/// One customer.
#[derive(Clone, Debug)]
pub(super) struct Customer {
    pub is_company: bool,
    /// Where its country stands in the list.
    pub country: usize,
    /// Its names, each with the time since which it has it.
    pub names: Vec<(u32, Name)>,
    pub homes: Vec<(u32, Home)>,
    pub phones: Vec<Phone>,
    pub emails: Vec<String>,
    pub ibans: Vec<String>,
    pub siren: String,
    pub vat: String,
    pub birth: String,
}

/// What a customer had at a time.
pub(super) fn at<T>(values: &[(u32, T)], time: u32) -> Option<&T> {
    values.iter().rev().find(|(since, _)| *since <= time).or(values.first()).map(|(_, value)| value)
}

/// How many of a hundred customers are of which country.
const SHARES: [(u32, usize); 7] = [(34, 0), (20, 1), (16, 2), (7, 3), (8, 4), (8, 5), (7, 6)];

/// All customers of a group, a household, or one that stands alone.
pub(super) fn block(world: &World, number: u64) -> Vec<Customer> {
    let mut rng = rng(world.seed, &[1, number]);
    let country = *weighted(&mut rng, &SHARES);
    let mut made = Making { world, country, rng };
    if odds(&mut made.rng, world.recipe.companies) {
        match made.rng.u32(..100) {
            0..=6 => made.group(),
            7..=11 => vec![made.outlet()],
            _ => vec![made.company()],
        }
    } else if odds(&mut made.rng, 3_000) {
        made.household()
    } else {
        let name = made.person_name();
        vec![made.person(name)]
    }
}

struct Making<'a> {
    world: &'a World,
    country: usize,
    rng: Rng,
}

impl Making<'_> {
    /// Since the beginning, and for some since a later time too.
    fn moves(&mut self, of_ten_thousand: u32) -> Vec<(u32, Home)> {
        let world = self.world;
        let mut homes = vec![(0, world.countries[self.country].home(&mut self.rng))];
        if odds(&mut self.rng, of_ten_thousand) {
            let since = self.rng.u32(END / 10..END);
            homes.push((since, world.countries[self.country].home(&mut self.rng)));
        }
        homes
    }

    fn company_name(&mut self) -> Name {
        let world = self.world;
        let country = &world.countries[self.country];
        let rng = &mut self.rng;
        let form = super::draw::common(rng, &country.forms).to_owned();
        if odds(rng, 120) {
            let [own, latin] = world.scripts.company(rng);
            return Name { family: latin, own: Some([String::new(), own]), form: String::new(), ..Name::default() };
        }
        let trade = any(rng, &country.trades).to_owned();
        let family = match rng.u32(..100) {
            0..=39 => format!("{trade} {}", country.family(rng)),
            40..=49 => format!("{} {trade}", country.family(rng)),
            50..=61 => country.family(rng),
            62..=69 => format!("{} {} {}", country.family(rng), country.and, country.family(rng)),
            70..=83 => country.invented(rng),
            84..=89 => format!("{} {trade}", country.invented(rng)),
            90..=93 => format!("{} {}", country.given(rng), country.family(rng)),
            _ => format!("{trade} {}", any(rng, &country.street_names)),
        };
        Name { family, form, ..Name::default() }
    }

    fn company(&mut self) -> Customer {
        let first = self.company_name();
        let mut names = vec![(0, first)];
        if odds(&mut self.rng, 250) {
            // Renamed, or with another legal form.
            let mut later = if self.rng.bool() { self.company_name() } else { names[0].1.clone() };
            later.form = any(&mut self.rng, &self.world.countries[self.country].forms).to_owned();
            names.push((self.rng.u32(END / 10..END), later));
        }
        let domain = self.domain(&names[0].1);
        let homes = self.moves(700);
        self.finish(names, homes, &domain)
    }

    /// A company's own domain, or nothing where it has an address like anybody's.
    fn domain(&mut self, name: &Name) -> String {
        if odds(&mut self.rng, 2_500) {
            return String::new();
        }
        let word = mail_word(&name.family, if self.rng.bool() { "-" } else { "" });
        let tld = if odds(&mut self.rng, 2_500) { "com" } else { &self.world.countries[self.country].tld };
        format!("{word}.{tld}")
    }

    fn finish(&mut self, names: Vec<(u32, Name)>, homes: Vec<(u32, Home)>, domain: &str) -> Customer {
        let world = self.world;
        let country = &world.countries[self.country];
        let rng = &mut self.rng;
        let company = siren(rng);
        let mut phones = vec![Phone::new(rng, &country.code, false)];
        if odds(rng, 2_500) {
            phones.push(Phone::new(rng, &country.code, true));
        }
        let mut emails = Vec::new();
        if domain.is_empty() {
            emails.push(format!(
                "{}@{}",
                mail_word(&names[0].1.family, "."),
                super::draw::common(rng, &country.domains)
            ));
        } else {
            let offices = ["contact", "info", "compta", "office", "accueil", "sales"];
            emails.push(format!("{}@{domain}", offices[rng.usize(..offices.len())]));
            if odds(rng, 4_000) {
                emails.push(format!("{}@{domain}", mail_word(&country.given(rng), ".")));
            }
        }
        if odds(rng, 100) {
            emails.push(format!("dossiers@cabinet-{}.{}", rng.u64(..world.advisers), country.tld));
        }
        let ibans = (0..=usize::from(odds(rng, 800))).map(|_| iban(rng, &country.code)).collect();
        Customer {
            is_company: true,
            country: self.country,
            vat: vat(rng, &country.code, &company),
            siren: if country.code == "FR" { company } else { String::new() },
            names,
            homes,
            phones,
            emails,
            ibans,
            birth: String::new(),
        }
    }

    /// A mother and her daughters, with a word more in their names, and much in common.
    fn group(&mut self) -> Vec<Customer> {
        let mother = self.company();
        let domain = mother.emails[0].split_once('@').map_or(String::new(), |(_, domain)| domain.to_owned());
        let count = self.rng.usize(1..4);
        let mut members = vec![mother];
        for _ in 0..count {
            let mut name = members[0].names[0].1.clone();
            name.own = None;
            let country = &self.world.countries[self.country];
            name.family = format!("{} {}", name.family, any(&mut self.rng, &country.words));
            any(&mut self.rng, &country.forms).clone_into(&mut name.form);
            let homes = if odds(&mut self.rng, 6_500) { members[0].homes.clone() } else { self.moves(700) };
            let domain = if odds(&mut self.rng, 7_500) { domain.clone() } else { self.domain(&name) };
            let mut daughter = self.finish(vec![(0, name)], homes, &domain);
            if odds(&mut self.rng, 5_500) {
                daughter.phones[0] = members[0].phones[0].clone();
            }
            if odds(&mut self.rng, 3_000) {
                daughter.emails[0].clone_from(&members[0].emails[0]);
            }
            members.push(daughter);
        }
        members
    }

    /// One of many shops of a brand, in any town: a company of its own with the name and the domain of all others.
    fn outlet(&mut self) -> Customer {
        let world = self.world;
        let within = self.rng.u64(..world.brands);
        let brand = self.rng.u64(..=within);
        let mut of_brand = rng(world.seed, &[2, brand]);
        let country = &world.countries[usize::try_from(brand % 7).unwrap_or_default()];
        let family = format!("{} {}", country.invented(&mut of_brand), any(&mut of_brand, &country.trades));
        self.country = usize::try_from(brand % 7).unwrap_or_default();
        let form = any(&mut self.rng, &country.forms).to_owned();
        let homes = self.moves(300);
        let mut domain = format!("{}.{}", mail_word(&family, ""), country.tld);
        let name = Name { family, form, ..Name::default() };
        if odds(&mut self.rng, 3_000) {
            domain = String::new();
        }
        let mut outlet = self.finish(vec![(0, name)], homes, &domain);
        if !domain.is_empty() {
            let home = &outlet.homes[0].1;
            let mailbox = format!("{}-{}", mail_word(&home.town, ""), mail_word(&home.street, ""));
            outlet.emails = vec![format!("{mailbox}@{domain}")];
        }
        outlet
    }

    fn person_name(&mut self) -> Name {
        let world = self.world;
        let country = &world.countries[self.country];
        if odds(&mut self.rng, 250) {
            let [given, family, given_latin, family_latin] = world.scripts.person(&mut self.rng);
            return Name { given: given_latin, family: family_latin, own: Some([given, family]), ..Name::default() };
        }
        let given = country.given(&mut self.rng);
        let second =
            if odds(&mut self.rng, 600) { format!(" {}", country.given(&mut self.rng)) } else { String::new() };
        Name { given: given + &second, family: country.family(&mut self.rng), ..Name::default() }
    }

    fn person(&mut self, name: Name) -> Customer {
        let world = self.world;
        let homes = self.moves(1_000);
        let country = &world.countries[self.country];
        let rng = &mut self.rng;
        let emails = (0..=usize::from(odds(rng, 2_500))).map(|_| private_address(rng, world, country, &name)).collect();
        let mut names = vec![(0, name)];
        if odds(rng, 200) {
            let family = country.family(rng);
            let married = Name { family, own: None, ..names[0].1.clone() };
            names.push((rng.u32(END / 10..END), married));
        }
        let mut phones = vec![Phone::new(rng, &country.code, true)];
        if odds(rng, 3_500) {
            phones.push(Phone::new(rng, &country.code, false));
        }
        let birth = format!("{}-{:02}-{:02}", rng.u32(1938..2007), rng.u32(1..13), rng.u32(1..29));
        Customer {
            is_company: false,
            country: self.country,
            ibans: vec![iban(rng, &country.code)],
            names,
            homes,
            phones,
            emails,
            siren: String::new(),
            vat: String::new(),
            birth,
        }
    }

    /// People who live together: mostly one family name, one telephone, now and then one address and one account.
    fn household(&mut self) -> Vec<Customer> {
        let first = self.person_name();
        let first = self.person(first);
        let landline = Phone::new(&mut self.rng, &self.world.countries[self.country].code, false);
        let mut members = vec![first];
        for _ in 0..self.rng.usize(1..4) {
            let mut name = self.person_name();
            let eldest = &members[0].names[0].1;
            if odds(&mut self.rng, 7_500) {
                name.family.clone_from(&eldest.family);
                name.own = None;
            }
            if odds(&mut self.rng, 150) {
                name.given.clone_from(&eldest.given);
            }
            let mut member = self.person(name);
            member.homes.clone_from(&members[0].homes);
            if odds(&mut self.rng, 200) {
                member.birth.clone_from(&members[0].birth);
            }
            if odds(&mut self.rng, 800) {
                member.emails[0].clone_from(&members[0].emails[0]);
            }
            if odds(&mut self.rng, 1_500) {
                member.ibans[0].clone_from(&members[0].ibans[0]);
            }
            members.push(member);
        }
        for member in &mut members {
            if odds(&mut self.rng, 6_000) {
                member.phones.push(landline.clone());
            }
        }
        members
    }
}

/// A person's address at a provider, or at the employer.
fn private_address(rng: &mut Rng, world: &World, country: &Country, name: &Name) -> String {
    let (given, family) = (mail_word(&name.given, ""), mail_word(&name.family, ""));
    if world.recipe.employers > 0 && odds(rng, 8_500) {
        let within = rng.u32(..world.recipe.employers);
        return format!("{given}.{family}@employer{}.{}", rng.u32(..=within), "com");
    }
    let domain = super::draw::common(rng, &country.domains);
    let number = rng.u32(1..100);
    match rng.u32(..10) {
        0..=2 => format!("{given}.{family}@{domain}"),
        3..=5 => format!("{given}.{family}{number}@{domain}"),
        6 => format!("{given}{number}@{domain}"),
        7 => format!("{}{family}@{domain}", &given[..1.min(given.len())]),
        8 => format!("{family}.{given}@{domain}"),
        _ => format!("{}{number}@{domain}", country.invented(rng).to_lowercase()),
    }
}

/// A name as it stands in an e-mail address.
fn mail_word(text: &str, between: &str) -> String {
    let plain = super::dirt::without_accents(text, false).to_lowercase();
    let words = plain.split(|letter: char| !letter.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let word = words.collect::<Vec<_>>().join(between);
    if word.is_empty() { "kontakt".to_owned() } else { word }
}
