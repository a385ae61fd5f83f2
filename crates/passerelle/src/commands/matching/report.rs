//! The page of a rehearsal: one file that needs nothing else.

use std::fmt::Write as _;

use master::matching::{FIELDS, Matcher, RecordNumber};

use super::summary::{Summary, TOLD_MAX};

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1b1f24}\
table{border-collapse:collapse;width:100%;margin:.5rem 0 1.5rem}td,th{border-bottom:1px solid #d8dee4;padding:.3rem .5rem;\
text-align:left;vertical-align:top}.n{text-align:right;font-variant-numeric:tabular-nums}h2{margin-top:2rem}\
@media(prefers-color-scheme:dark){body{background:#15181c;color:#e6e9ec}td,th{border-color:#333a41}}";

/// The whole page.
pub(super) fn page(matcher: &Matcher, summary: &Summary) -> String {
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Match rehearsal</title><style>{STYLE}</style>\
         </head><body>\n<h1>Match rehearsal</h1>\n"
    );
    figures(&mut page, summary);
    largest(&mut page, matcher, summary);
    doubts(&mut page, matcher, summary);
    common(&mut page, summary);
    page.push_str("</body></html>\n");
    page
}

fn figures(page: &mut String, summary: &Summary) {
    let rows = [
        ("States read", summary.states),
        ("Records", summary.records),
        ("Customers", summary.customers),
        ("Records that were a new customer when they came", summary.new),
        ("Records that were linked when they came", summary.linked),
        ("Doubtful pairs of customers", summary.doubtful),
        ("Records that could not be read", summary.rejected),
    ];
    page.push_str("<table>\n");
    for (what, count) in rows {
        let _ = writeln!(page, "<tr><td>{what}<td class=n>{count}");
    }
    let model = &summary.model;
    let _ = writeln!(
        page,
        "</table>\n<p>Weighed by model {}, learned from {} records and {} pairs.</p>",
        model.number, model.records, model.pairs
    );
}

fn largest(page: &mut String, matcher: &Matcher, summary: &Summary) {
    page.push_str("<h2>Largest customers</h2>\n<table><tr><th class=n>records<th>first record<th>name\n");
    for large in &summary.largest {
        let _ = writeln!(
            page,
            "<tr><td class=n>{}<td>{}<td>{}",
            large.records,
            key(matcher, large.first),
            shown(matcher, large.first)
        );
    }
    page.push_str("</table>\n");
}

fn doubts(page: &mut String, matcher: &Matcher, summary: &Summary) {
    let _ = writeln!(
        page,
        "<h2>Doubtful</h2>\n<p>{} in all; the most alike {} are shown. Bits speak for the two being one; against it where negative.</p>",
        summary.doubtful,
        summary.doubts.len().min(TOLD_MAX)
    );
    page.push_str("<table><tr><th class=n>bits<th>one<th>other<th>what speaks for and against it\n");
    for doubt in summary.doubts.iter().take(TOLD_MAX) {
        let _ = writeln!(
            page,
            "<tr><td class=n>{}<td>{}<br>{}<td>{}<br>{}<td>{}",
            doubt.bits,
            key(matcher, doubt.one),
            shown(matcher, doubt.one),
            key(matcher, doubt.other),
            shown(matcher, doubt.other),
            reasons(matcher, doubt.one, doubt.other),
        );
    }
    page.push_str("</table>\n");
}

fn common(page: &mut String, summary: &Summary) {
    page.push_str("<h2>Values that too many have to mean anything</h2>\n<table><tr><th>kind<th>value\n");
    for common in &summary.common_values {
        let _ = writeln!(page, "<tr><td>{}<td>{}", common.kind, escaped(&common.value));
    }
    page.push_str("</table>\n");
}

fn reasons(matcher: &Matcher, one: RecordNumber, other: RecordNumber) -> String {
    let explained =
        matcher.evidence(one).zip(matcher.evidence(other)).and_then(|(one, other)| matcher.model().explain(one, other));
    let Some((_, reasons)) = explained else { return String::new() };
    let told = FIELDS.iter().zip(reasons.parts).filter(|(_, bits)| bits.0 != 0);
    told.map(|(field, bits)| format!("{field} {bits}")).collect::<Vec<_>>().join("<br>")
}

/// The system and the key of a record.
fn key(matcher: &Matcher, record: RecordNumber) -> String {
    escaped(&matcher.name(record).unwrap_or_default().replacen('\n', " ", 1))
}

fn shown(matcher: &Matcher, record: RecordNumber) -> String {
    escaped(&matcher.evidence(record).map(ToString::to_string).unwrap_or_default())
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
