//! Legal forms that are written out.

use crate::matching::text::is_near;

/// Legal forms of France, Germany, Britain, Belgium, the Netherlands, Spain and Italy, written out, and the short form of
/// each. Where one begins like another, the longer one comes first.
const WRITTEN_OUT: &[(&[&str], &str)] = &[
    (&["societe", "par", "actions", "simplifiee", "unipersonnelle"], "sasu"),
    (&["societe", "par", "actions", "simplifiee"], "sas"),
    (&["societe", "a", "responsabilite", "limitee"], "sarl"),
    (&["societe", "privee", "a", "responsabilite", "limitee"], "sprl"),
    (&["entreprise", "unipersonnelle", "a", "responsabilite", "limitee"], "eurl"),
    (&["entreprise", "individuelle"], "ei"),
    (&["societe", "anonyme"], "sa"),
    (&["societe", "civile", "immobiliere"], "sci"),
    (&["societe", "en", "nom", "collectif"], "snc"),
    (&["societe", "en", "commandite", "simple"], "scs"),
    (&["societe", "en", "commandite", "par", "actions"], "sca"),
    (&["groupement", "d", "interet", "economique"], "gie"),
    (&["association", "sans", "but", "lucratif"], "asbl"),
    (&["gesellschaft", "mit", "beschrankter", "haftung"], "gmbh"),
    (&["gesellschaft", "burgerlichen", "rechts"], "gbr"),
    (&["aktiengesellschaft"], "ag"),
    (&["kommanditgesellschaft"], "kg"),
    (&["offene", "handelsgesellschaft"], "ohg"),
    (&["unternehmergesellschaft"], "ug"),
    (&["eingetragener", "kaufmann"], "ek"),
    (&["eingetragene", "kauffrau"], "ek"),
    (&["eingetragener", "verein"], "ev"),
    (&["public", "limited", "company"], "plc"),
    (&["private", "limited", "company"], "ltd"),
    (&["limited", "liability", "partnership"], "llp"),
    (&["community", "interest", "company"], "cic"),
    (&["besloten", "vennootschap", "met", "beperkte", "aansprakelijkheid"], "bvba"),
    (&["besloten", "vennootschap"], "bv"),
    (&["naamloze", "vennootschap"], "nv"),
    (&["commanditaire", "vennootschap"], "cv"),
    (&["vennootschap", "onder", "firma"], "vof"),
    (&["vereniging", "zonder", "winstoogmerk"], "vzw"),
    (&["sociedad", "limitada", "unipersonal"], "slu"),
    (&["sociedad", "limitada", "laboral"], "sll"),
    (&["sociedad", "limitada"], "sl"),
    (&["sociedad", "de", "responsabilidad", "limitada"], "sl"),
    (&["sociedad", "anonima"], "sa"),
    (&["societa", "a", "responsabilita", "limitata", "semplificata"], "srls"),
    (&["societa", "a", "responsabilita", "limitata"], "srl"),
    (&["societa", "per", "azioni"], "spa"),
    (&["societa", "in", "nome", "collettivo"], "snc"),
    (&["societa", "in", "accomandita", "semplice"], "sas"),
];

/// Writes the legal forms of a name short: also one whose end an old program cut off with the end of its field.
pub(super) fn shorten(words: &mut Vec<String>) {
    let mut at = 0;
    while at < words.len() {
        if let Some((length, short)) = form_at(&words[at..]) {
            words.splice(at..at + length, [short.to_owned()]);
        }
        at += 1;
    }
}

/// The legal form with which a name goes on: of how many words it is, and its short form.
fn form_at(words: &[String]) -> Option<(usize, &'static str)> {
    // A slip is no other form; short words are compared as they are.
    let is_whole =
        |long: &[&str]| words.len() >= long.len() && words.iter().zip(long).all(|(word, of)| is_near(word, of));
    let whole = WRITTEN_OUT.iter().find(|(long, _)| is_whole(long)).map(|(long, short)| (long.len(), *short));
    let cut_off = || WRITTEN_OUT.iter().find(|(long, _)| is_cut_off(words, long));
    whole.or_else(|| cut_off().map(|(_, short)| (words.len(), *short)))
}

/// Whether a name ends within a form: at least two of its words are there, the last one perhaps in part.
fn is_cut_off(words: &[String], long: &[&str]) -> bool {
    if words.len() < 2 || words.len() > long.len() {
        return false;
    }
    let (whole, last) = (&words[..words.len() - 1], &words[words.len() - 1]);
    whole.iter().zip(long).all(|(word, of)| word == of) && long[whole.len()].starts_with(last.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matching::text::words;

    #[track_caller]
    fn check(name: &str, expected: &str) {
        let mut words = words(name);
        shorten(&mut words);
        assert_eq!(words.join(" "), expected, "{name}");
    }

    #[test]
    fn legal_forms_are_written_short() {
        check("Durand Société à responsabilité limitée", "durand sarl");
        check("Société par actions simplifiée Durand", "sas durand");
        check("Müller Gesellschaft mit beschraenkter Haftung", "muller gmbh");
        check("Bakker besloten vennootschap", "bakker bv");
        check("Rossi società per azioni Nord", "rossi spa nord");
        check("METALLBAU KRAUS GESELLSCHAFT MI", "metallbau kraus gmbh");
        // Not a form.
        check("Société Générale", "societe generale");
        check("Gesellschaft für Technik", "gesellschaft fur technik");
        check("Durand Société", "durand societe");
    }
}
