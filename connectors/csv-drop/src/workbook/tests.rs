use super::spreadsheet::plain;
use super::*;

fn rule() -> SheetRule {
    SheetRule { sheet: None, fill_merged: false, percent: Percent::Stored, bytes_max: 1 << 20, encoding: None }
}

/// The rows of a page or an XML document, cells parted by `|`.
#[track_caller]
fn check(text: &str, rule: &SheetRule, expected: &[&str]) {
    let mut grid = Grid::new(1 << 20);
    markup::read(text, rule, &mut grid).unwrap();
    let rendered = String::from_utf8(grid.render().unwrap()).unwrap();
    let shown = rendered.replace('\u{1f}', "|").replace('\u{1e}', "'");
    assert_eq!(shown.trim_end_matches('\n').split('\n').collect::<Vec<_>>(), expected, "{text}");
}

#[test]
fn numbers_are_written_with_the_digits_that_excel_keeps() {
    for (scientific, shift, expected) in [
        ("1.23456000000000e3", 0, "1234.56"),
        ("-5.00000000000000e-2", 0, "-0.05"),
        ("5.50000000000000e-2", 2, "5.5"),
        ("1.00000000000000e0", 2, "100"),
        ("3.00000000000000e-1", 0, "0.3"),
        ("0.00000000000000e0", 0, "0"),
        ("3.56000000000000e13", 0, "35600000000000"),
        ("1.00000000000000e40", 0, "1.00000000000000e40"),
        ("NaN", 0, "NaN"),
    ] {
        assert_eq!(plain(scientific, shift), expected, "{scientific}");
    }
}

#[test]
fn a_web_page_is_read_as_a_browser_shows_it() {
    let page = "<html><head><style>td > b {}</style></head><body><!-- <td>no</td> -->\n<TABLE border=1><tr><th>No<th>Name</tr>\
                <tr><td>1</td><td>Le&nbsp;Goff &amp;\n  fils<br>Brest</td></tr><tr><td></td><td/><td x='>'>caf&#233; &eacute;&OElig;&unknown;</td></table>\
                <table><tr><td>other</td></tr></table>";
    check(page, &rule(), &["No|Name", "1|'Le Goff & fils", "Brest'", "||café éŒ&unknown;"]);
    check(page, &SheetRule { sheet: Some(Sheet::Number(2)), ..rule() }, &["other"]);
    let mut grid = Grid::new(1 << 20);
    let third = SheetRule { sheet: Some(Sheet::Number(3)), ..rule() };
    let Err(Problem::Refused { code, .. }) = markup::read(page, &third, &mut grid) else { panic!("it was read") };
    assert_eq!(code, "workbook.sheet");
}

#[test]
fn merged_cells_are_one_or_all() {
    let page = "<table><tr><td rowspan=2 colspan=2>a</td><td>b</td></tr><tr><td>c</td></tr><tr><td>d</td></tr></table>";
    check(page, &rule(), &["a||b", "||c", "d"]);
    check(page, &SheetRule { fill_merged: true, ..rule() }, &["a|a|b", "a|a|c", "d"]);
}

#[test]
fn an_xml_document_of_excel_says_where_its_cells_are() {
    let document = "<?xml version=\"1.0\"?><Workbook xmlns:ss=\"urn:schemas-microsoft-com:office:spreadsheet\">\
         <Worksheet ss:Name=\"One\"><Table><Row><Cell><Data ss:Type=\"String\">No</Data></Cell></Row></Table></Worksheet>\
         <Worksheet ss:Name=\"Two\"><Table>\n <Row ss:Index=\"2\">\n  <Cell ss:Index=\"2\"><Data ss:Type=\"Number\">12.50</Data>\
         <Comment><Data>a remark</Data></Comment></Cell>\n  <Cell><Data ss:Type=\"DateTime\">2026-01-31T00:00:00.000</Data></Cell>\
         </Row></Table></Worksheet></Workbook>";
    check(document, &rule(), &["No"]);
    check(document, &SheetRule { sheet: Some(Sheet::Name("Two".to_owned())), ..rule() }, &["", "|12.50|2026-01-31"]);
}

#[test]
fn a_table_that_is_cut_off_is_refused() {
    let page = |end: &str| format!("<html><body><table><tr><td>a</td></tr><tr><td>b{end}");
    check(&page("</table>"), &rule(), &["a", "b"]);
    // A browser closes what a page that is whole left open.
    check(&page("</body></html>"), &rule(), &["a", "b"]);
    for end in ["", "</td></tr>", "</td></tr></tab"] {
        let mut grid = Grid::new(1 << 20);
        let Err(Problem::Refused { code, reason }) = markup::read(&page(end), &rule(), &mut grid) else {
            panic!("it was read: {end}")
        };
        assert!(code == "workbook.damaged" && reason.contains("cut off"), "{reason}");
    }
}

#[test]
fn a_sheet_has_a_limit() {
    let mut grid = Grid::new(100);
    assert!(grid.set(0, 0, "x".repeat(90)).is_ok());
    let Err(Problem::Refused { code, .. }) = grid.set(0, 50, "x".to_owned()) else { panic!("it was taken") };
    assert_eq!(code, "file.too-large");
    assert!(Grid::new(usize::MAX).set(1 << 20, 0, "x".to_owned()).is_err());
}
