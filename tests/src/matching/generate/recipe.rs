//! Kinds of data: which customers there are, and which systems show what of them.
//!
//! Shares are of ten thousand.

/// Which fields of a row a system has, and how often they are filled in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields {
    pub email: u32,
    pub phone: u32,
    pub address: u32,
    pub siren: u32,
    pub vat: u32,
    pub iban: u32,
    pub birth: u32,
}

/// How a system writes names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Writing {
    /// As they are.
    Plain,
    /// In capitals, without accents, umlauts with an `e`.
    Capitals,
    /// As customers type them: often in small letters, accents left out.
    Careless,
}

/// One application with its own dirt.
#[derive(Clone, Copy, Debug)]
pub(super) struct System {
    pub name: &'static str,
    pub prefix: &'static str,
    pub fields: Fields,
    pub writing: Writing,
    /// Slips in a text that was typed.
    pub slips: u32,
    /// Names longer than this are cut off.
    pub letters_max: usize,
    /// Whether a person's name is one field, the family name in front.
    pub has_one_name: bool,
    /// Given and family name, or street and town, in each other's place.
    pub swapped: u32,
    /// Values that mean nothing, where one must be given: `noreply@…`, `0000000000`.
    pub generic: u32,
    /// How many of all customers it has.
    pub share: u32,
    /// How many of its customers it has twice.
    pub twice: u32,
}

/// A kind of data.
#[derive(Clone, Copy, Debug)]
pub struct Recipe {
    /// What it is called.
    pub name: &'static str,
    /// What it is like, for people to read.
    pub about: &'static str,
    /// The share of companies among customers that stand alone.
    pub(super) companies: u32,
    /// The share of identifiers that are wrong.
    pub(super) wrong_identifiers: u32,
    /// Employers whose domain all their people's addresses have; 0 where addresses are private ones.
    pub(super) employers: u32,
    pub(super) systems: &'static [System],
}

const CRM: System = System {
    name: "crm",
    prefix: "C",
    fields: Fields { email: 8_000, phone: 7_500, address: 8_500, siren: 3_000, vat: 2_000, iban: 500, birth: 2_500 },
    writing: Writing::Plain,
    slips: 600,
    letters_max: 80,
    has_one_name: false,
    swapped: 60,
    generic: 150,
    share: 6_500,
    twice: 500,
};

const ERP: System = System {
    name: "erp",
    prefix: "4110",
    fields: Fields { email: 4_500, phone: 6_500, address: 9_500, siren: 6_500, vat: 7_500, iban: 5_500, birth: 0 },
    writing: Writing::Capitals,
    slips: 400,
    letters_max: 32,
    has_one_name: true,
    swapped: 20,
    generic: 300,
    share: 6_000,
    twice: 200,
};

const SHOP: System = System {
    name: "shop",
    prefix: "u",
    fields: Fields { email: 9_800, phone: 6_000, address: 8_000, siren: 400, vat: 1_200, iban: 0, birth: 1_500 },
    writing: Writing::Careless,
    slips: 900,
    letters_max: 120,
    has_one_name: false,
    swapped: 300,
    generic: 200,
    share: 5_000,
    twice: 900,
};

const BILLING: System = System {
    name: "billing",
    prefix: "DEB",
    fields: Fields { email: 6_000, phone: 3_500, address: 9_200, siren: 5_000, vat: 8_000, iban: 8_500, birth: 800 },
    writing: Writing::Plain,
    slips: 350,
    letters_max: 50,
    has_one_name: false,
    swapped: 40,
    generic: 250,
    share: 5_500,
    twice: 200,
};

const DELIVERIES: System = System {
    name: "deliveries",
    prefix: "L",
    fields: Fields { email: 1_500, phone: 7_500, address: 9_900, siren: 0, vat: 0, iban: 0, birth: 0 },
    writing: Writing::Capitals,
    slips: 900,
    letters_max: 35,
    has_one_name: true,
    swapped: 150,
    generic: 200,
    share: 4_000,
    twice: 700,
};

const SUPPORT: System = System {
    name: "support",
    prefix: "T",
    fields: Fields { email: 7_500, phone: 6_500, address: 2_000, siren: 200, vat: 200, iban: 0, birth: 300 },
    writing: Writing::Careless,
    slips: 800,
    letters_max: 60,
    has_one_name: true,
    swapped: 200,
    generic: 300,
    share: 3_500,
    twice: 800,
};

const PAYROLL: System = System {
    name: "payroll",
    prefix: "P",
    fields: Fields { email: 3_000, phone: 3_000, address: 8_500, siren: 0, vat: 0, iban: 9_500, birth: 9_900 },
    slips: 250,
    share: 9_500,
    twice: 150,
    has_one_name: false,
    ..ERP
};

const BADGES: System = System {
    name: "badges",
    prefix: "B",
    fields: Fields { email: 8_500, phone: 4_500, address: 0, siren: 0, vat: 0, iban: 0, birth: 7_500 },
    share: 8_500,
    twice: 300,
    ..CRM
};

const INSURER: System = System {
    name: "insurer",
    prefix: "A",
    fields: Fields { email: 2_000, phone: 3_000, address: 7_000, siren: 0, vat: 0, iban: 1_000, birth: 9_500 },
    share: 7_000,
    ..DELIVERIES
};

/// A system whose customers have no postal addresses.
const fn without_addresses(system: System) -> System {
    System { fields: Fields { address: 0, ..system.fields }, ..system }
}

/// A system that asks for companies' numbers.
const fn with_numbers(system: System) -> System {
    System { fields: Fields { siren: 8_500, vat: 7_500, ..system.fields }, ..system }
}

/// All kinds.
pub const RECIPES: &[Recipe] = &[
    Recipe {
        name: "mixed",
        about: "companies and people of seven countries in six systems",
        companies: 5_500,
        wrong_identifiers: 200,
        employers: 0,
        systems: &[CRM, ERP, SHOP, BILLING, DELIVERIES, SUPPORT],
    },
    Recipe {
        name: "no-addresses",
        about: "the same without postal addresses",
        companies: 5_500,
        wrong_identifiers: 200,
        employers: 0,
        systems: &[
            without_addresses(CRM),
            without_addresses(ERP),
            without_addresses(SHOP),
            without_addresses(BILLING),
            without_addresses(SUPPORT),
        ],
    },
    Recipe {
        name: "payroll",
        about: "people with birth dates in three systems of their employers",
        companies: 0,
        wrong_identifiers: 0,
        employers: 30,
        systems: &[PAYROLL, BADGES, INSURER],
    },
    Recipe {
        name: "wrong-identifiers",
        about: "companies in three systems with identifiers of which one in ten is wrong",
        companies: 10_000,
        wrong_identifiers: 1_000,
        employers: 0,
        systems: &[with_numbers(CRM), with_numbers(ERP), with_numbers(BILLING)],
    },
    Recipe {
        name: "one-system",
        about: "one system that has a third of its customers twice",
        companies: 5_500,
        wrong_identifiers: 200,
        employers: 0,
        systems: &[System { share: 10_000, twice: 3_300, ..CRM }],
    },
];
