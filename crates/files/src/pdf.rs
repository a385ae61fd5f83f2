//! Invoices that are attached to PDF files: Factur-X, ZUGFeRD and XRechnung in PDF/A-3 (ISO 19005-3).

use std::collections::BTreeSet;
use std::io::Read;

use flate2::read::ZlibDecoder;
use lopdf::{Dictionary, Document, Object, Stream};

use crate::Problem;

/// The names that the standards give to the invoice, in the order in which one goes before the other.
const NAMES: [&str; 3] = ["factur-x.xml", "zugferd-invoice.xml", "xrechnung.xml"];

/// A tree of names deeper than this is broken.
const DEPTH_MAX: usize = 32;

/// At most so many attached files are looked at.
const FILES_MAX: usize = 1000;

/// The XML of the invoice that is attached to a PDF, of at most so many bytes.
pub(crate) fn attached_invoice(bytes: &[u8], bytes_max: u64) -> Result<Vec<u8>, Problem> {
    let document = Document::load_mem(bytes).map_err(|error| damaged(&error.to_string()))?;
    let files = attached_files(&document);
    let named = |wanted: &str| {
        let found =
            files.iter().find(|file| file_name(&document, file).is_some_and(|name| name.eq_ignore_ascii_case(wanted)));
        found.and_then(|file| embedded(&document, file))
    };
    let stream = NAMES.into_iter().find_map(named).ok_or_else(|| {
        let names = NAMES.join(", ");
        Problem::refused(
            "file.no-invoice",
            format!("no invoice is attached to the PDF; it would be called one of {names}"),
        )
    })?;
    content(stream, bytes_max)
}

fn damaged(reason: &str) -> Problem {
    Problem::refused("file.damaged", format!("the PDF cannot be read: {reason}; ask for it again"))
}

/// The specifications of all attached files: those that the catalog names, and those that belong to the whole document.
fn attached_files(document: &Document) -> Vec<&Dictionary> {
    let Ok(catalog) = document.catalog() else { return Vec::new() };
    let mut files = Vec::new();
    let names = catalog.get(b"Names").ok().and_then(|names| dictionary(document, names));
    if let Some(tree) = names.and_then(|names| names.get(b"EmbeddedFiles").ok()) {
        name_tree(document, tree, DEPTH_MAX, &mut BTreeSet::new(), &mut files);
    }
    if let Some(associated) = catalog.get(b"AF").ok().and_then(|files| array(document, files)) {
        files.extend(associated.iter().filter_map(|file| dictionary(document, file)).take(FILES_MAX));
    }
    files
}

/// Collects the values of a tree of names: pairs of a name and a file in its leaves.
fn name_tree<'d>(
    document: &'d Document,
    node: &'d Object,
    depth: usize,
    seen: &mut BTreeSet<lopdf::ObjectId>,
    files: &mut Vec<&'d Dictionary>,
) {
    let is_new = node.as_reference().map_or(true, |id| seen.insert(id));
    let Some(node) = dictionary(document, node).filter(|_| is_new && depth > 0) else { return };
    if let Some(pairs) = node.get(b"Names").ok().and_then(|pairs| array(document, pairs)) {
        let values = pairs.iter().skip(1).step_by(2).filter_map(|file| dictionary(document, file));
        files.extend(values.take(FILES_MAX.saturating_sub(files.len())));
    }
    for kid in node.get(b"Kids").ok().and_then(|kids| array(document, kids)).into_iter().flatten() {
        name_tree(document, kid, depth - 1, seen, files);
    }
}

fn resolved<'d>(document: &'d Document, object: &'d Object) -> Option<&'d Object> {
    document.dereference(object).ok().map(|(_, object)| object)
}

fn dictionary<'d>(document: &'d Document, object: &'d Object) -> Option<&'d Dictionary> {
    resolved(document, object)?.as_dict().ok()
}

fn array<'d>(document: &'d Document, object: &'d Object) -> Option<&'d Vec<Object>> {
    resolved(document, object)?.as_array().ok()
}

/// The name of an attached file; the Unicode one goes before the other.
fn file_name(document: &Document, file: &Dictionary) -> Option<String> {
    let text = [&b"UF"[..], b"F"].into_iter().find_map(|key| resolved(document, file.get(key).ok()?)?.as_str().ok())?;
    match text {
        [0xfe, 0xff, wide @ ..] => {
            let units: Vec<u16> = wide.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect();
            Some(String::from_utf16_lossy(&units))
        }
        narrow => Some(String::from_utf8_lossy(narrow).into_owned()),
    }
}

/// The stream that holds an attached file.
fn embedded<'d>(document: &'d Document, file: &'d Dictionary) -> Option<&'d Stream> {
    let streams = dictionary(document, file.get(b"EF").ok()?)?;
    [&b"UF"[..], b"F"].into_iter().find_map(|key| resolved(document, streams.get(key).ok()?)?.as_stream().ok())
}

/// The bytes of a stream, which the standards deflate or leave as they are.
fn content(stream: &Stream, bytes_max: u64) -> Result<Vec<u8>, Problem> {
    let filters = stream.filters().unwrap_or_default();
    let mut bytes = Vec::new();
    match &filters[..] {
        [] => bytes.extend_from_slice(&stream.content),
        [b"FlateDecode"] => {
            let limit = bytes_max.saturating_add(1);
            let inflated = ZlibDecoder::new(&stream.content[..]).take(limit).read_to_end(&mut bytes);
            inflated.map_err(|error| damaged(&error.to_string()))?;
        }
        _ => return Err(damaged("the attached invoice is compressed in a way that PDF/A does not use")),
    }
    if bytes.len() as u64 > bytes_max {
        let reason =
            format!("the attached invoice has more than {bytes_max} bytes; raise file_bytes_max if that is right");
        return Err(Problem::refused("file.too-large", reason));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use flate2::Compression;
    use flate2::write::ZlibEncoder;
    use lopdf::dictionary;
    use std::io::Write;

    use super::*;

    const LIMIT: u64 = 1000;

    /// A PDF without pages, to which a file is attached.
    fn pdf(name: &str, content: &[u8], deflated: bool, nested: bool) -> Vec<u8> {
        let mut document = Document::with_version("1.7");
        let (filter, content) = match deflated {
            true => {
                let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
                encoder.write_all(content).unwrap();
                (dictionary! { "Filter" => "FlateDecode" }, encoder.finish().unwrap())
            }
            false => (dictionary! {}, content.to_vec()),
        };
        let stream = document.add_object(Stream::new(filter, content));
        let file = document.add_object(dictionary! {
            "Type" => "Filespec", "F" => Object::string_literal(name), "EF" => dictionary! { "F" => stream },
        });
        let leaf = dictionary! { "Names" => vec![Object::string_literal(name), file.into()] };
        let tree = match nested {
            true => {
                let leaf = document.add_object(leaf);
                dictionary! { "Kids" => vec![leaf.into()] }
            }
            false => leaf,
        };
        let pages =
            document.add_object(dictionary! { "Type" => "Pages", "Kids" => Vec::<Object>::new(), "Count" => 0 });
        let catalog = document.add_object(dictionary! {
            "Type" => "Catalog", "Pages" => pages, "Names" => dictionary! { "EmbeddedFiles" => tree },
        });
        document.trailer.set("Root", catalog);
        let mut bytes = Vec::new();
        document.save_to(&mut bytes).unwrap();
        bytes
    }

    #[track_caller]
    fn check(bytes: &[u8], expected: Result<&[u8], &str>) {
        let found = attached_invoice(bytes, LIMIT);
        match (found, expected) {
            (Ok(found), Ok(expected)) => assert_eq!(found, expected),
            (Err(problem), Err(code)) => assert!(format!("{problem:?}").contains(code), "{problem:?}"),
            (found, _) => panic!("{found:?}"),
        }
    }

    #[test]
    fn the_invoice_is_found_by_its_name() {
        for name in NAMES.into_iter().chain(["ZUGFeRD-invoice.xml"]) {
            for (deflated, nested) in [(false, false), (true, false), (true, true)] {
                check(&pdf(name, b"<invoice/>", deflated, nested), Ok(b"<invoice/>"));
            }
        }
    }

    #[test]
    fn what_is_no_invoice_is_refused() {
        check(&pdf("terms.xml", b"<terms/>", true, false), Err("file.no-invoice"));
        check(&pdf("factur-x.xml", &vec![b' '; 1001], true, false), Err("file.too-large"));
        check(b"%PDF-1.7\n", Err("file.damaged"));
        check(b"", Err("file.damaged"));
    }
}
