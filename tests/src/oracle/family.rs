//! The families of numbers: every scheme, and every country of VAT numbers and IBANs.

use canonical::identifier::Scheme;

use super::shape::Shape;

/// Numbers that are made and written alike.
#[derive(Debug)]
pub(super) struct Family {
    /// Such as `siren` or `vat DE`.
    pub(super) name: String,
    /// What they are checked as.
    pub(super) scheme: Scheme,
    /// How many leading characters are never damaged: they say which family it is.
    pub(super) prefix_length: usize,
    /// What may stand between characters, besides blanks. We take more of them than python-stdnum in every scheme; these
    /// are those that both take.
    pub(super) separators: &'static str,
    /// How they are made.
    pub(super) shapes: Vec<Shape>,
}

impl Family {
    fn new(name: String, scheme: Scheme, prefix_length: usize, separators: &'static str, shapes: Vec<Shape>) -> Self {
        Self { name, scheme, prefix_length, separators, shapes }
    }
}

/// Schemes that belong to no country. D-U-N-S numbers have no check digit, and python-stdnum does not know them.
const WORLD: &[(Scheme, usize, &str, &[&str])] = &[
    (Scheme::Siren, 0, ".", &["nnnnnnnnk"]),
    (Scheme::Siret, 0, ".", &["nnnnnnnnknnnnk", "nnnnnnnnknnnnk", "356000000nnnnk", "35600000000048"]),
    (Scheme::Gln, 0, "-\u{2013}", &["nnnnnnnnnnnnk"]),
    (Scheme::Lei, 0, "-\u{2013}", &["nnnn00ccccccccccccpp", "ccccccccccccccccccpp"]),
    (Scheme::Bic, 0, "-\u{2013}", &["aaaaFRcc", "aaaaDEccccc", "aaaaXKcc", "aaaaaacc", "aaaaaaccccc"]),
    (
        Scheme::CreditorReference,
        2,
        "-.,/:",
        &["RFppc", "RFppcc", "RFppnnnnn", "RFppnnnnnnnnnn", "RFppccccccccccccccc", "RFppccccccccccccccccccccc"],
    ),
];

/// VAT numbers by country: what may stand between their characters besides blanks, and their shapes.
const VAT: &[(&str, &str, &[&str])] = &[
    ("AT", "-./", &["ATUnnnnnnnk"]),
    ("BE", "-./", &["BE0nnnnnnnkk", "BE1nnnnnnnkk", "BEnnnnnnnkk", "BE(0)nnnnnnnkk"]),
    ("BG", "-.", &["BGnnnnnnnnk", "BGnnnnnnnnnk", "BGnnmdnnnk"]),
    ("CH", "-.", &["CHEnnnnnnnnk", "CHEnnnnnnnnkMWST", "CHEnnnnnnnnkTVA", "CHEnnnnnnnnkIVA", "CHEnnnnnnnnkTPV"]),
    ("CY", "-", &["CYnnnnnnnnl"]),
    ("CZ", "/", &["CZnnnnnnnk", "CZ6nnnnnnnk", "CZnnmdnnnk", "CZ[01234]nmdnnn", "CZ[56789]nmdnnn"]),
    ("DE", "-./,", &["DEnnnnnnnnk"]),
    ("DK", "-.,/:", &["DKnnnnnnnk"]),
    ("EE", "", &["EEnnnnnnnnk"]),
    ("EL", "-./:", &["ELnnnnnnnnk", "GRnnnnnnnnk", "ELnnnnnnnk"]),
    ("ES", "-", &["ESnnnnnnnnl", "ES[XYZ]nnnnnnnl", "ES[KLM]nnnnnnnl", "ES[ABCDEFGHJNPQRSUVW]nnnnnnnk", "ESannnnnnnl"]),
    ("EU", "-", &["EU[012345679][0245689][0236]nnnnnn", "EU372nnnnnn", "EU528nnnnnn", "EU900nnnnnn"]),
    ("FI", "-", &["FInnnnnnnk"]),
    ("FR", "-.", &["FRkknnnnnnnnk", "FRkk000nnnnnn", "FRlknnnnnnnnk", "FRklnnnnnnnnk", "FRllnnnnnnnnk"]),
    ("GB", "-.", &["GBnnnnnnnkk", "GBnnnnnnnkknnn", "GBGDnnn", "GBHAnnn", "GBGD8888nnnkk", "GBHA8888nnnkk"]),
    ("HR", "-", &["HRnnnnnnnnnnk"]),
    ("HU", "-", &["HUnnnnnnnk"]),
    (
        "IE",
        "-",
        &["IEnnnnnnnl", "IEnnnnnnn[WABCDEFGHIJKLMNOPQRSTUV]a", "IEnnnnnnnl[AH]", "IEnannnnnl", "IEn[+*]nnnnnl"],
    ),
    ("IM", "-", &["IM[012345679][0245689][0236]nnnnnnn", "IM372nnnnnnn", "IM250nnnnnnn"]),
    ("IT", "-:", &["ITnnnnnnn0nnk", "ITnnnnnnn12[01]k", "ITnnnnnnn888k", "ITnnnnnnn999k", "ITnnnnnnnnnnk"]),
    ("LT", "-", &["LTnnnnnnn1k", "LTnnnnnnnnnn1k"]),
    ("LU", ":.-", &["LUnnnnnnkk"]),
    ("LV", "-", &["LV[456789]nnnnnnnnnk", "LV32nnnnnnnnk", "LVdmnn[012]nnnk"]),
    ("MT", "-", &["MTnnnnnnkk"]),
    ("NL", "-.", &["NLnnnnnnnnkBnn", "NLnnnnnnnnnBkk"]),
    ("NO", "", &["NOnnnnnnnnk", "NOnnnnnnnnkMVA"]),
    ("PL", "-", &["PLnnnnnnnnnk"]),
    ("PT", "-.", &["PTnnnnnnnnk"]),
    ("RO", "-", &["ROnk", "ROnnnnk", "ROnnnnnnk", "ROnnnnnnnnk", "ROnnnnnnnnnk", "RO[123456789]nnmd[01234]nnnnk"]),
    ("SE", "-.", &["SEnnnnnnnnnk01"]),
    ("SI", "-", &["SInnnnnnnk"]),
    ("SK", "-", &["SKnn[234789]nnnnnnk", "SKnnnnnnnnnk", "SKnnmdnnnk"]),
    ("XI", "-.", &["XInnnnnnnkk", "XInnnnnnnkknnn", "XIGDnnn", "XIHAnnn", "XIGD8888nnnkk"]),
];

/// Countries whose account numbers have check digits of their own, which their structure does not tell.
const ACCOUNTS: &[(&str, &[&str])] = &[
    ("BE", &["BEppnnnnnnnnnnkk"]),
    ("ES", &["ESppnnnnnnnnkknnnnnnnnnn"]),
    ("ME", &["MEppnnnnnnnnnnnnnnnnkk"]),
    ("NO", &["NOppnnnnnnnnnnk", "NOpp0000nnnnnnk"]),
];

/// All families; IBANs are made after the registry's structures as the oracle knows them, so that a country that we lack
/// is found.
pub(super) fn all(structures: &[(String, String)]) -> Vec<Family> {
    let parse = |shapes: &[&str]| shapes.iter().map(|shape| Shape::parse(shape)).collect();
    let world = WORLD.iter().map(|(scheme, prefix_length, separators, shapes)| {
        Family::new(scheme.to_string(), *scheme, *prefix_length, separators, parse(shapes))
    });
    let vat = VAT.iter().map(|(country, separators, shapes)| {
        Family::new(format!("vat {country}"), Scheme::Vat, 2, separators, parse(shapes))
    });
    let iban = structures.iter().map(|(country, structure)| {
        let shapes = match ACCOUNTS.iter().find(|(known, _)| known == country) {
            Some((_, shapes)) => parse(shapes),
            None => vec![Shape::of_iban(country, structure)],
        };
        Family::new(format!("iban {country}"), Scheme::Iban, 2, "-.", shapes)
    });
    world.chain(vat).chain(iban).collect()
}
