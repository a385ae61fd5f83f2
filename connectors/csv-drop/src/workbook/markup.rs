//! Tables of web pages, and the XML documents of Excel 2003: both say rows and cells with tags.
//!
//! What programs write under the name `.xls` is seldom well-formed; a table is read as a browser would.

use std::collections::BTreeMap;

use files::Problem;

use super::SheetRule;
use super::grid::Grid;

/// An area of cells that is one, as far as it is below or right of its first cell.
struct Area {
    row: usize,
    column: usize,
    down: usize,
    right: usize,
}

/// Where in a table a reader is.
#[derive(Default)]
struct Table {
    /// The row, counted from 0; `None` in front of the first.
    row: Option<usize>,
    /// The column of the next cell.
    column: usize,
    /// The text of the cell that is open.
    cell: Option<String>,
    /// Whether what follows is a remark about the cell, which is no part of it.
    in_comment: bool,
    /// Until which row each column belongs to a cell above.
    taken: BTreeMap<usize, usize>,
    open_area: Option<Area>,
    areas: Vec<Area>,
}

/// Reads the table that the rule chooses: a worksheet by name or number, a table of a page by number.
///
/// # Errors
/// A page without such a table, or one that is cut off or too large.
pub(super) fn read(text: &str, rule: &SheetRule, grid: &mut Grid) -> Result<(), Problem> {
    let is_xml = tags(text).any(|tag| tag.is("workbook", false));
    let start = if is_xml { "worksheet" } else { "table" };
    let sheets: Vec<(String, usize, bool)> = tags(text)
        .filter(|tag| tag.is(start, false))
        .enumerate()
        .map(|(at, tag)| (tag.attribute("name").unwrap_or_else(|| (at + 1).to_string()), tag.end, tag.is_empty))
        .collect();
    let chosen = rule.choose(&sheets.iter().map(|(name, ..)| name.as_str()).collect::<Vec<_>>())?;
    let found = sheets.iter().find(|(name, ..)| name == chosen);
    let (begin, is_empty) = found.map_or((0, false), |(_, begin, is_empty)| (*begin, *is_empty));
    if is_empty {
        return Ok(());
    }
    let mut table = Table::default();
    let (mut depth, mut behind, mut is_whole) = (0_usize, 0, false);
    let rest = &text[begin..];
    for tag in tags(rest) {
        table.add_text(&rest[behind..tag.start], is_xml);
        behind = tag.end;
        // A table inside a cell is part of its text.
        if !is_xml && tag.is("table", false) {
            depth += 1;
        } else if tag.is(start, true) {
            if depth == 0 {
                is_whole = true;
                break;
            }
            depth -= 1;
        } else if depth == 0 {
            // A browser closes what a page that has its end left open.
            is_whole |= !is_xml && (tag.is("body", true) || tag.is("html", true));
            table.take(&tag, grid)?;
        }
    }
    if !is_whole {
        let reason = format!("the workbook ends within its sheet \"{chosen}\": it was cut off; ask for it again");
        return Err(Problem::refused("workbook.damaged", reason));
    }
    table.close_cell(grid)?;
    if rule.fill_merged {
        for area in &table.areas {
            grid.fill((area.row, area.column), (area.row + area.down, area.column + area.right))?;
        }
    }
    Ok(())
}

impl Table {
    /// In XML, line ends between tags are no text of a cell.
    fn add_text(&mut self, text: &str, is_xml: bool) {
        if let Some(cell) = self.cell.as_mut().filter(|_| !self.in_comment) {
            match is_xml {
                true => cell.push_str(&decode(text)),
                // A browser shows any white space as one blank.
                false => {
                    let words = decode(text).replace('\u{a0}', " ");
                    let joined = words.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
                    if words.starts_with(|first: char| first.is_ascii_whitespace())
                        && !cell.is_empty()
                        && !joined.is_empty()
                    {
                        cell.push(' ');
                    }
                    cell.push_str(&joined);
                    if words.len() > 1 && words.ends_with(|last: char| last.is_ascii_whitespace()) && !joined.is_empty()
                    {
                        cell.push(' ');
                    }
                }
            }
        }
    }

    fn take(&mut self, tag: &Tag<'_>, grid: &mut Grid) -> Result<(), Problem> {
        let index = || tag.attribute("index").and_then(|index| index.parse::<usize>().ok()?.checked_sub(1));
        if tag.is("tr", false) || tag.is("row", false) {
            self.close_cell(grid)?;
            self.row = Some(index().unwrap_or_else(|| self.row.map_or(0, |row| row + 1)));
            self.column = 0;
        } else if tag.is("td", false) || tag.is("th", false) || tag.is("cell", false) {
            self.close_cell(grid)?;
            let row = *self.row.get_or_insert(0);
            self.column = index().unwrap_or(self.column);
            while self.taken.get(&self.column).is_some_and(|until| *until >= row) {
                self.column += 1;
            }
            let count = |name: &str, less: usize| {
                tag.attribute(name).and_then(|text| text.parse::<usize>().ok()).unwrap_or(less).saturating_sub(less)
            };
            let right = count("colspan", 1).max(count("mergeacross", 0)).min(MERGED_MAX);
            let down = count("rowspan", 1).max(count("mergedown", 0)).min(MERGED_MAX);
            self.open_area = Some(Area { row, column: self.column, down, right });
            self.cell = Some(String::new());
            if tag.is_empty {
                self.close_cell(grid)?;
            }
        } else if tag.is("td", true) || tag.is("th", true) || tag.is("cell", true) {
            self.close_cell(grid)?;
        } else if tag.is("comment", false) || tag.is("comment", true) {
            self.in_comment = !tag.closes && !tag.is_empty;
        } else if tag.is("br", false)
            && let Some(cell) = &mut self.cell
        {
            cell.push('\n');
        }
        Ok(())
    }

    fn close_cell(&mut self, grid: &mut Grid) -> Result<(), Problem> {
        let (Some(text), Some(area)) = (self.cell.take(), self.open_area.take()) else { return Ok(()) };
        let text = text.trim();
        // The XML documents of Excel give a date a time as well.
        let text = text.strip_suffix("T00:00:00.000").unwrap_or(text);
        grid.set(area.row, area.column, text.to_owned())?;
        self.in_comment = false;
        self.column = area.column + area.right + 1;
        if area.down > 0 {
            self.taken.extend((area.column..=area.column + area.right).map(|column| (column, area.row + area.down)));
        }
        if area.down + area.right > 0 && self.areas.len() < MERGED_MAX {
            self.areas.push(area);
        }
        Ok(())
    }
}

/// A cell is merged over at most so many rows or columns, and a table has at most so many merged cells.
const MERGED_MAX: usize = 10_000;

/// A tag of a document.
struct Tag<'t> {
    name: &'t str,
    attributes: &'t str,
    closes: bool,
    is_empty: bool,
    start: usize,
    end: usize,
}

impl Tag<'_> {
    /// Whether it opens (or closes) an element of this name, whatever its prefix and case.
    fn is(&self, name: &str, closes: bool) -> bool {
        let local = self.name.rsplit(':').next().unwrap_or_default();
        self.closes == closes && local.eq_ignore_ascii_case(name)
    }

    /// The value of an attribute, whatever its prefix and case.
    fn attribute(&self, name: &str) -> Option<String> {
        let mut rest = self.attributes;
        loop {
            let (before, behind) = rest.split_once('=')?;
            let found = before.trim().rsplit([' ', '\t', '\n', '\r', ':']).next().unwrap_or_default();
            let behind = behind.trim_start();
            let (value, after) = match behind.chars().next() {
                Some(quote @ ('"' | '\'')) => behind[1..].split_once(quote).unwrap_or((&behind[1..], "")),
                _ => behind.split_once(|end: char| end.is_ascii_whitespace()).unwrap_or((behind, "")),
            };
            if found.eq_ignore_ascii_case(name) {
                return Some(decode(value));
            }
            rest = after;
        }
    }
}

/// The tags of a document in order; comments, and what is inside of scripts and styles, are none.
fn tags(text: &str) -> impl Iterator<Item = Tag<'_>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            let start = at + text[at..].find('<')?;
            let rest = &text[start..];
            if rest.starts_with("<!--") {
                at = start + rest.find("-->").map_or(rest.len(), |end| end + 3);
                continue;
            }
            let end = tag_end(rest)?;
            at = start + end + 1;
            let inner = rest[1..end].trim();
            let (closes, inner) = inner.strip_prefix('/').map_or((false, inner), |inner| (true, inner));
            let (is_empty, inner) = inner.strip_suffix('/').map_or((false, inner), |inner| (true, inner));
            let (name, attributes) = inner.split_once(|end: char| end.is_ascii_whitespace()).unwrap_or((inner, ""));
            let skipped = ["script", "style"].iter().find(|skipped| name.eq_ignore_ascii_case(skipped) && !closes);
            if let Some(skipped) = skipped {
                let ends = |found: &(usize, &str)| {
                    let name = text.get(found.0 + 2..found.0 + 2 + skipped.len());
                    name.is_some_and(|name| name.eq_ignore_ascii_case(skipped))
                };
                at = text[at..]
                    .match_indices("</")
                    .map(|(found, tag)| (at + found, tag))
                    .find(ends)
                    .map_or(text.len(), |end| end.0);
                continue;
            }
            return Some(Tag { name, attributes, closes, is_empty, start, end: at });
        }
    })
}

/// Where a tag ends; a `>` inside of a quoted value does not end it.
fn tag_end(rest: &str) -> Option<usize> {
    let mut quote = None;
    for (at, byte) in rest.bytes().enumerate() {
        match (byte, quote) {
            (b'"' | b'\'', None) => quote = Some(byte),
            (_, Some(open)) if byte == open => quote = None,
            (b'>', None) => return Some(at),
            _ => {}
        }
    }
    rest.find('>')
}

/// The letters and signs of HTML that have a name, as far as Western European encodings have them.
#[rustfmt::skip]
const LETTERS: &[(&str, char)] = &[
    ("AElig", 'Æ'), ("Aacute", 'Á'), ("Acirc", 'Â'), ("Agrave", 'À'), ("Aring", 'Å'), ("Atilde", 'Ã'), ("Auml", 'Ä'),
    ("Ccedil", 'Ç'), ("ETH", 'Ð'), ("Eacute", 'É'), ("Ecirc", 'Ê'), ("Egrave", 'È'), ("Euml", 'Ë'), ("Iacute", 'Í'),
    ("Icirc", 'Î'), ("Igrave", 'Ì'), ("Iuml", 'Ï'), ("Ntilde", 'Ñ'), ("OElig", 'Œ'), ("Oacute", 'Ó'), ("Ocirc", 'Ô'),
    ("Ograve", 'Ò'), ("Oslash", 'Ø'), ("Otilde", 'Õ'), ("Ouml", 'Ö'), ("Scaron", 'Š'), ("THORN", 'Þ'),
    ("Uacute", 'Ú'), ("Ucirc", 'Û'), ("Ugrave", 'Ù'), ("Uuml", 'Ü'), ("Yacute", 'Ý'), ("Yuml", 'Ÿ'), ("aacute", 'á'),
    ("acirc", 'â'), ("acute", '´'), ("aelig", 'æ'), ("agrave", 'à'), ("aring", 'å'), ("atilde", 'ã'), ("auml", 'ä'),
    ("brvbar", '¦'), ("bull", '•'), ("ccedil", 'ç'), ("cedil", '¸'), ("cent", '¢'), ("copy", '©'), ("curren", '¤'),
    ("deg", '°'), ("divide", '÷'), ("eacute", 'é'), ("ecirc", 'ê'), ("egrave", 'è'), ("eth", 'ð'), ("euml", 'ë'),
    ("frac12", '½'), ("frac14", '¼'), ("frac34", '¾'), ("hellip", '…'), ("iacute", 'í'), ("icirc", 'î'),
    ("iexcl", '¡'), ("igrave", 'ì'), ("iquest", '¿'), ("iuml", 'ï'), ("laquo", '«'), ("ldquo", '“'), ("lsquo", '‘'),
    ("macr", '¯'), ("mdash", '—'), ("micro", 'µ'), ("middot", '·'), ("ndash", '–'), ("not", '¬'), ("ntilde", 'ñ'),
    ("oacute", 'ó'), ("ocirc", 'ô'), ("oelig", 'œ'), ("ograve", 'ò'), ("ordf", 'ª'), ("ordm", 'º'), ("oslash", 'ø'),
    ("otilde", 'õ'), ("ouml", 'ö'), ("para", '¶'), ("plusmn", '±'), ("pound", '£'), ("raquo", '»'), ("rdquo", '”'),
    ("reg", '®'), ("rsquo", '’'), ("scaron", 'š'), ("sect", '§'), ("sup1", '¹'), ("sup2", '²'), ("sup3", '³'),
    ("szlig", 'ß'), ("thorn", 'þ'), ("times", '×'), ("trade", '™'), ("uacute", 'ú'), ("ucirc", 'û'), ("ugrave", 'ù'),
    ("uml", '¨'), ("uuml", 'ü'), ("yacute", 'ý'), ("yen", '¥'), ("yuml", 'ÿ'),
];

/// Text with its references replaced: numbers, and names.
fn decode(text: &str) -> String {
    let mut decoded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('&') {
        decoded.push_str(before);
        let known = behind.split_once(';').filter(|(name, _)| name.len() <= 8).and_then(|(name, after)| {
            let number = |digits: &str, radix| u32::from_str_radix(digits, radix).ok().and_then(char::from_u32);
            let character = match name {
                "amp" => '&',
                "lt" => '<',
                "gt" => '>',
                "quot" => '"',
                "apos" => '\'',
                "nbsp" => '\u{a0}',
                "euro" => '€',
                _ => match name.strip_prefix('#') {
                    Some(hexadecimal) if hexadecimal.starts_with(['x', 'X']) => number(&hexadecimal[1..], 16)?,
                    Some(decimal) => number(decimal, 10)?,
                    None => LETTERS.iter().find(|(known, _)| *known == name)?.1,
                },
            };
            Some((character, after))
        });
        match known {
            Some((character, after)) => {
                decoded.push(character);
                rest = after;
            }
            None => {
                decoded.push('&');
                rest = behind;
            }
        }
    }
    decoded.push_str(rest);
    decoded
}
