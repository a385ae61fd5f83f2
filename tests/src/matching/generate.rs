//! Streams of our own: customers of seven countries as several systems show them, with a known truth.
//!
//! What is made depends on seed, number of customers and kind alone. Nothing is kept but the order of events, sixteen
//! bytes for each: a customer is made anew whenever one of its records is written, so millions fit into little memory.
//! Names, dirt and relations are what customer files are like, and are not measured out for any matcher; what no
//! evidence decides (two people of one name of whom a system has nothing else) is in it as well.

mod country;
mod customer;
mod dirt;
mod draw;
mod numbers;
mod recipe;
mod system;

use std::collections::VecDeque;
use std::path::Path;

use self::country::{Country, Scripts, countries};
use self::customer::{Customer, block};
pub use self::recipe::{RECIPES, Recipe};
use self::system::{Record, Row, records, row};

/// What all customers are made from.
struct World {
    seed: u64,
    recipe: Recipe,
    countries: Vec<Country>,
    scripts: Scripts,
    /// Groups, households and single customers.
    blocks: u64,
    brands: u64,
    advisers: u64,
}

/// An event: one state of one record.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Event {
    time: u32,
    block: u32,
    member: u8,
    record: u8,
    state: u8,
}

/// How many there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Made {
    /// Customers.
    pub customers: usize,
    /// Records of them.
    pub records: usize,
    /// Rows of the stream.
    pub events: usize,
}

/// The kind of data of a name.
///
/// # Errors
/// There is none of that name; it lists those that there are.
pub fn recipe(name: &str) -> Result<Recipe, String> {
    let names = || RECIPES.iter().map(|recipe| recipe.name).collect::<Vec<_>>().join(", ");
    RECIPES
        .iter()
        .find(|recipe| recipe.name == name)
        .copied()
        .ok_or_else(|| format!("there is no {name}, but {}", names()))
}

/// Writes the stream of so many customers, and who is who.
///
/// # Errors
/// What could not be written.
pub fn generate(customers: usize, seed: u64, recipe: Recipe, stream: &Path, truth: &Path) -> Result<Made, String> {
    let mut world = World {
        seed,
        recipe,
        countries: countries()?,
        scripts: Scripts::read()?,
        blocks: 0,
        brands: (customers as u64 / 400).max(2),
        advisers: (customers as u64 / 2_000).max(1),
    };
    let (events, made) = plan(&mut world, customers, truth)?;
    write(&world, &events, stream)?;
    Ok(Made { events: events.len(), ..made })
}

fn unwritable(path: &Path) -> impl Fn(csv::Error) -> String {
    move |error| format!("{}: {error}", path.display())
}

/// The events in their order; the truth is written on the way.
fn plan(world: &mut World, customers: usize, truth: &Path) -> Result<(Vec<Event>, Made), String> {
    let mut writer = csv::Writer::from_path(truth).map_err(unwritable(truth))?;
    writer.write_record(["source", "source_id", "entity", "kind"]).map_err(unwritable(truth))?;
    let (mut events, mut made) = (Vec::new(), Made { customers: 0, records: 0, events: 0 });
    for number in 0_u32.. {
        if made.customers >= customers {
            world.blocks = u64::from(number);
            break;
        }
        for (member, customer) in block(world, number.into()).iter().enumerate() {
            for (place, record) in records(world, number.into(), member).iter().enumerate() {
                let (name, id) = name(world, (number.into(), member, place), record);
                let entity = format!("{number}.{member}");
                let kind = if customer.is_company { "company" } else { "person" };
                writer.write_record([name, &id, &entity, kind]).map_err(unwritable(truth))?;
                let times = std::iter::once(record.since).chain(record.changes.into_iter().flatten());
                events.extend((0_u8..).zip(times).map(|(state, time)| Event {
                    time,
                    block: number,
                    member: u8::try_from(member).unwrap_or(u8::MAX),
                    record: u8::try_from(place).unwrap_or(u8::MAX),
                    state,
                }));
                made.records += 1;
            }
            made.customers += 1;
        }
    }
    writer.flush().map_err(|error| error.to_string())?;
    events.sort_unstable();
    Ok((events, made))
}

/// The system of a record, and its key there, which has nothing to do with whose it is.
fn name(world: &World, of: (u64, usize, usize), record: &Record) -> (&'static str, String) {
    let system = &world.recipe.systems[record.system];
    let mut rng = draw::rng(world.seed, &[5, of.0, of.1 as u64, of.2 as u64]);
    (system.name, format!("{}{:015}", system.prefix, rng.u64(..1_000_000_000_000_000)))
}

/// So many customers that were made last are kept at hand.
const AT_HAND: usize = 64;

fn write(world: &World, events: &[Event], stream: &Path) -> Result<(), String> {
    let mut writer = csv::Writer::from_path(stream).map_err(unwritable(stream))?;
    writer
        .write_record([
            "seq",
            "source",
            "source_id",
            "op",
            "kind",
            "name",
            "given_name",
            "family_name",
            "birth_date",
            "siren",
            "vat",
            "iban",
            "email",
            "phone",
            "street",
            "postcode",
            "city",
            "country",
        ])
        .map_err(unwritable(stream))?;
    let mut at_hand: VecDeque<(u32, Vec<Customer>)> = VecDeque::new();
    for (sequence, event) in (1_u64..).zip(events) {
        let place = at_hand.iter().position(|(number, _)| *number == event.block).unwrap_or_else(|| {
            at_hand.truncate(AT_HAND - 1);
            at_hand.push_front((event.block, block(world, event.block.into())));
            0
        });
        let customers = &at_hand[place].1;
        let of = (u64::from(event.block), usize::from(event.member), usize::from(event.record));
        let record = records(world, of.0, of.1)[of.2];
        let (source, id) = name(world, of, &record);
        let Row { name, given, family, birth, siren, vat, iban, email, phone, street, postcode, city } =
            row(world, customers, of, &record, event.state.into());
        let customer = &customers[of.1];
        let operation = if event.state == 0 { "create" } else { "update" };
        let kind = if customer.is_company { "company" } else { "person" };
        let country = &world.countries[customer.country].code;
        let sequence = sequence.to_string();
        writer
            .write_record([
                &sequence, source, &id, operation, kind, &name, &given, &family, &birth, &siren, &vat, &iban, &email,
                &phone, &street, &postcode, &city, country,
            ])
            .map_err(unwritable(stream))?;
    }
    writer.flush().map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(customers: usize, seed: u64, kind: &str) -> (Made, String, String) {
        let folder = tempfile::tempdir().unwrap();
        let [stream, truth] = ["stream.csv", "truth.csv"].map(|name| folder.path().join(name));
        let made = generate(customers, seed, recipe(kind).unwrap(), &stream, &truth).unwrap();
        (made, std::fs::read_to_string(stream).unwrap(), std::fs::read_to_string(truth).unwrap())
    }

    #[test]
    fn one_seed_makes_one_stream() {
        for kind in RECIPES {
            let (counts, stream, truth) = made(300, 4, kind.name);
            assert_eq!((counts, stream.clone(), truth.clone()), made(300, 4, kind.name), "{}", kind.name);
            assert_ne!(stream, made(300, 5, kind.name).1, "{}", kind.name);
            assert_eq!(truth.lines().count(), counts.records + 1);
            let mut reader = csv::Reader::from_reader(stream.as_bytes());
            let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
            assert_eq!(rows.len(), counts.events);
            let shown: std::collections::BTreeSet<_> = rows.iter().map(|row| row[2].to_owned()).collect();
            assert_eq!(shown.len(), counts.records, "each record has a key of its own");
            // A record is made before it is changed.
            let mut begun = std::collections::BTreeSet::new();
            for row in &rows {
                assert_eq!(&row[3] == "create", begun.insert(row[2].to_owned()), "{row:?}");
            }
        }
    }

    #[test]
    fn kinds_have_names() {
        assert!(recipe("mixed").is_ok());
        assert!(recipe("mixd").unwrap_err().contains("payroll"));
    }
}
