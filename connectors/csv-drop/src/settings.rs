//! The configuration of a CSV connector; its doc comments are the published reference.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

/// Reads and writes tables in files: delimited text, and the sheets of workbooks (reading only).
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CsvDrop {
    /// The streams to read, by name.
    #[serde(default)]
    pub streams: BTreeMap<String, CsvStream>,
    /// The files to write, by entity: `customer`, `invoice`, `payment`, `allocation`, or a declared one.
    #[serde(default)]
    pub targets: BTreeMap<String, CsvTarget>,
    /// How changes are gathered into files.
    #[serde(default)]
    pub gather: Gather,
}

files::gather_settings! {
    pub struct Gather { changes_max: 2_000 }
}

files::pick_up_settings! {
    /// A folder of delimited text files, or of workbooks, to read. What a file is, its content says: workbooks of Excel
    /// (`.xlsx`, `.xlsb`, `.xls`) and OpenDocument (`.ods`), and what other programs call `.xls`: web pages with a table,
    /// XML documents of Excel 2003, and delimited text.
    pub struct CsvStream {
        /// The character between two values: one ASCII character, such as `;`, `,`, `|` or a tab (`"\t"`). Default: `,`.
        #[serde(default = "comma")]
        pub delimiter: char,
        /// The character around values that contain delimiters or line ends; doubled inside them. Default: `"`.
        /// An empty text switches quoting off: quotes are then ordinary characters.
        #[serde(default = "quotation_mark")]
        pub quote: String,
        /// Where the header is. Default: `first`, or `none` when `columns` are given.
        #[serde(default)]
        pub header: Option<Header>,
        /// The names of the columns, for files without a header; with one, these names replace those of the header.
        #[serde(default)]
        pub columns: Vec<String>,
        /// Lines that start with this text are skipped. Default: none are.
        #[serde(default)]
        pub comment: Option<String>,
        /// What the last line of a complete file looks like. A file without it was cut off, and is refused as a whole.
        #[serde(default)]
        pub footer: Option<Footer>,
        /// What happens to rows with more or fewer values than there are columns. Rows of workbooks are always padded.
        #[serde(default)]
        pub ragged: Ragged,
        /// A second file of each drop whose rows belong to those of the first: lines of invoices, say.
        #[serde(default)]
        pub join: Option<Join>,
        /// How many lines the header has: each column is called by the texts of all of them, joined by a blank, where a
        /// blank text above counts as the one to the left of it. Default: 1.
        #[serde(default = "header_lines")]
        pub header_lines: usize,
        /// What happens to a column whose name stands in the header before, or that has none.
        #[serde(default)]
        pub duplicates: Duplicates,
        /// The sheet of a workbook that is read: its name, or its number from 1, which counts hidden ones, too. In a web
        /// page it is the number of the table. Default: the first that is not hidden.
        #[serde(default)]
        pub sheet: Option<Sheet>,
        /// Whether all cells of a merged area of a sheet have the value of the first one. Default: no, the others are blank.
        #[serde(default)]
        pub fill_merged: bool,
        /// What a cell of an `.xlsx` gives whose number format is a percentage.
        #[serde(default)]
        pub percent: Percent,
        /// A workbook has at most this many bytes, the text of its sheet as well, and unpacked it has at most eight times
        /// as many; a larger one is refused. Workbooks, unlike text, are held in memory while they are read.
        #[serde(default = "workbook_bytes_max")]
        pub workbook_bytes_max: u64,
        /// A record, with all the lines that its quotes span, has at most this many bytes; a longer one is rejected.
        #[serde(default = "record_bytes_max")]
        pub record_bytes_max: usize,
        /// A group of rows that form one record has at most this many rows; a larger one is rejected.
        #[serde(default = "group_rows_max")]
        pub group_rows_max: usize,
    }
}

/// Where the header is.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Header {
    /// The first line that is neither blank nor a comment.
    First,
    /// There is none; `columns` must be given.
    None,
    /// The line with this number, counted from 1.
    Line(u64),
    /// The first line whose first values are these; the lines before it are a preamble of at most 200 lines.
    StartsWith(Vec<String>),
}

/// What the last line of a complete file looks like, and what it says about the rows before it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Footer {
    /// The text that the last line starts with, and that no row starts with.
    pub starts_with: String,
    /// Which value of the footer, counted from 1, is the number of rows.
    #[serde(default)]
    pub count: Option<usize>,
    /// Which value of the footer is the sum of which column.
    #[serde(default)]
    pub sum: Option<ControlTotal>,
}

/// Which value of the footer is the sum of which column.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ControlTotal {
    /// Which value of the footer, counted from 1.
    pub at: usize,
    /// The name of the column.
    pub column: String,
    /// The decimal sign of both. Default: `.`. Spaces and apostrophes between digits are ignored.
    #[serde(default = "point")]
    pub decimal: char,
    /// A character between digits of both that means nothing, such as `.` in `98.765,43`. Default: none.
    #[serde(default)]
    pub group: Option<char>,
}

/// What happens to rows with more or fewer values than there are columns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Ragged {
    /// They are rejected, each by its line.
    #[default]
    Reject,
    /// Missing values at the end are blank, and surplus values at the end are dropped if they are blank;
    /// a row with surplus values that are not blank is rejected.
    Pad,
}

files::publisher_settings! {
    /// The files to write for one entity. The name must contain `{batch}`.
    pub struct CsvTarget {
        /// The character between two values. Default: `,`.
        #[serde(default = "comma")]
        pub delimiter: char,
        /// The character around values that contain delimiters, quotes or line ends. Default: `"`.
        #[serde(default = "quotation_mark")]
        pub quote: String,
        /// Whether all values are quoted, not only those that need it. Default: no.
        #[serde(default)]
        pub quote_all: bool,
        /// Whether the first line names the columns. Default: yes.
        #[serde(default = "yes")]
        pub header: bool,
        /// The columns, in order. A record with content in another column is refused. Default: all columns of the
        /// records in the file, in the order of their first appearance.
        #[serde(default)]
        pub columns: Vec<String>,
        /// The end of each line. Default: `crlf`, as RFC 4180 has it.
        #[serde(default)]
        pub line_end: LineEnd,
        /// Whether the file starts with a byte order mark, which Excel needs to recognise UTF-8. Default: no.
        #[serde(default)]
        pub byte_order_mark: bool,
        /// What is written for a record that was removed.
        #[serde(default)]
        pub removal: Removal,
    }
}

/// The end of each line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LineEnd {
    /// Carriage return and line feed.
    #[default]
    Crlf,
    /// Line feed.
    Lf,
}

/// A second file of each drop, joined to the first by key. Both are taken, read and put away together; a file whose second
/// one is not there yet waits for it, and holds back those behind it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Join {
    /// The name of the second file: a `*` in it stands for what the `*` in `files` stands for in the name of the first, so
    /// that `lines-*.csv` goes with `invoices-*.csv`.
    pub file: String,
    /// Which columns must be equal: those of the first file with those of the second.
    pub on: BTreeMap<String, String>,
    /// What stands in front of the names of the second file's columns. Default: `lines.`.
    #[serde(default = "join_prefix")]
    pub prefix: String,
    /// The names of its columns, if it has no header. Its delimiter, quote and encoding are those of the first.
    #[serde(default)]
    pub columns: Vec<String>,
    /// The second file is held in memory: it has at most this many rows, or the drop is refused.
    #[serde(default = "join_rows_max")]
    pub rows_max: usize,
    /// It has at most this many bytes. In memory it takes about as many, and 16 for each row and value.
    #[serde(default = "join_bytes_max")]
    pub bytes_max: usize,
}

/// A sheet of a workbook.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Sheet {
    /// Its number, counted from 1.
    Number(usize),
    /// Its name.
    Name(String),
}

/// What happens to a column whose name stands in the header before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Duplicates {
    /// The file is refused: nobody knows which of them is meant. Columns without a name may repeat.
    #[default]
    Refuse,
    /// The second column `id` is called `id 2`, the third `id 3`.
    Number,
}

/// What a cell gives whose number format is a percentage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Percent {
    /// The number that is stored: `0.055` for 5.5 %.
    #[default]
    Stored,
    /// The number that is shown: `5.5` for 5.5 %.
    Shown,
}

/// What is written for a record that was removed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Removal {
    /// The removal is refused, and an operator decides.
    #[default]
    Refuse,
    /// Nothing is written; the system keeps the record.
    Ignore,
    /// The row is written with a flag.
    Column(RemovalColumn),
}

/// A column that tells removed rows from others.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RemovalColumn {
    /// The name of the column; it is added where the records do not have it.
    pub name: String,
    /// Its value in the row of a removed record.
    pub value: String,
    /// Its value in other rows, unless the record has one. Default: blank.
    #[serde(default)]
    pub otherwise: String,
}

fn comma() -> char {
    ','
}

fn quotation_mark() -> String {
    "\"".to_owned()
}

fn point() -> char {
    '.'
}

fn yes() -> bool {
    true
}

fn join_prefix() -> String {
    "lines.".to_owned()
}

fn join_rows_max() -> usize {
    1_000_000
}

fn join_bytes_max() -> usize {
    256 << 20
}

fn header_lines() -> usize {
    1
}

fn workbook_bytes_max() -> u64 {
    64 << 20
}

fn record_bytes_max() -> usize {
    1 << 20
}

fn group_rows_max() -> usize {
    10_000
}
