//! What is copied: every table and column that both engines have, in one list.
//!
//! Left out on purpose are `workers` and `leases` of PostgreSQL. They tell who is alive and does what at this moment;
//! nobody is while a store is copied, and the embedded store keeps the same in memory.
//! Left out as well is `installation`, which tells which bus belongs to a store: a copy takes the bus that it meets first.

/// One table.
pub(crate) struct Table {
    pub name: &'static str,
    pub columns: &'static [Column],
    /// The columns that tell rows apart: rows travel in their order.
    pub key: &'static str,
    /// The column whose values the store gives out itself, where there is one.
    pub numbers: Option<Numbers>,
}

/// One column.
pub(crate) struct Column {
    pub name: &'static str,
    pub kind: Kind,
}

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A whole number: of something, of nanoseconds, or a code.
    Number,
    /// Text of people and systems. It may hold what a TEXT column of PostgreSQL cannot, and is written otherwise there.
    Text,
    /// Text that we wrote ourselves, such as JSON: the same on both engines.
    Ours,
    /// Bytes.
    Bytes,
}

/// Values that the store gives out itself, each once.
pub(crate) struct Numbers {
    pub column: &'static str,
    /// How PostgreSQL remembers the last one: the name of a sequence, or `None` for that of the column itself.
    pub sequence: Option<&'static str>,
    /// Whether SQLite remembers the last one after its row is gone (AUTOINCREMENT). Otherwise it goes on after the highest.
    pub remembered: bool,
}

impl Table {
    /// The names of all columns, as in a statement.
    pub fn column_names(&self) -> String {
        let names: Vec<&str> = self.columns.iter().map(|column| column.name).collect();
        names.join(", ")
    }

    /// What of this table every store has from its first moment: no row but the fixed words.
    pub fn rows_of_its_own(&self) -> &'static str {
        if self.name == WORDS { "id <= 4" } else { "false" }
    }
}

/// The dictionary: the migrations put the canonical entities into it.
pub(crate) const WORDS: &str = "words";

const fn number(name: &'static str) -> Column {
    Column { name, kind: Kind::Number }
}

const fn text(name: &'static str) -> Column {
    Column { name, kind: Kind::Text }
}

const fn ours(name: &'static str) -> Column {
    Column { name, kind: Kind::Ours }
}

const fn bytes(name: &'static str) -> Column {
    Column { name, kind: Kind::Bytes }
}

/// Numbers that never come again, not even when the highest row is gone.
const REMEMBERED: Option<Numbers> = Some(Numbers { column: "number", sequence: None, remembered: true });

/// Numbers that go on after the highest.
const fn after_highest(column: &'static str) -> Option<Numbers> {
    Some(Numbers { column, sequence: None, remembered: false })
}

/// Every table that is copied, small ones first.
pub(crate) const TABLES: &[Table] = &[
    Table { name: WORDS, columns: &[number("id"), text("text")], key: "id", numbers: after_highest("id") },
    Table {
        name: "mapping_versions",
        columns: &[number("version"), text("name"), ours("covers")],
        key: "version",
        numbers: None,
    },
    Table {
        name: "sequences",
        columns: &[number("tenant"), number("master"), number("version")],
        key: "tenant",
        numbers: None,
    },
    Table {
        name: "tallies",
        columns: &[number("tenant"), number("entity"), number("count")],
        key: "tenant, entity",
        numbers: None,
    },
    Table {
        name: "targets",
        columns: &[
            number("tenant"),
            number("system"),
            number("state"),
            text("reason"),
            number("since"),
            number("delivered"),
            number("refused"),
            number("last_delivery"),
        ],
        key: "tenant, system",
        numbers: None,
    },
    Table {
        name: "streams",
        columns: &[
            number("id"),
            number("tenant"),
            number("system"),
            number("stream"),
            ours("checkpoint"),
            number("open_drop"),
            number("last_run"),
            text("fault"),
            number("next_row"),
        ],
        key: "id",
        numbers: after_highest("id"),
    },
    Table {
        name: "drops",
        columns: &[
            number("number"),
            number("tenant"),
            number("stream"),
            text("name"),
            bytes("fingerprint"),
            number("bytes"),
            number("export"),
            number("mapping"),
            number("begun_at"),
            number("ended_at"),
            number("ending"),
            number("duplicate_of"),
            number("removals"),
            number("records_read"),
            number("rows_read"),
            number("in_flight"),
            number("created"),
            number("updated"),
            number("unchanged"),
            number("removed"),
            number("duplicate"),
            number("rejected"),
            number("parked"),
            number("waiting"),
            number("withheld"),
        ],
        key: "number",
        numbers: REMEMBERED,
    },
    Table {
        name: "seen_rows",
        columns: &[number("step"), number("drop_number"), bytes("bitmap")],
        key: "step",
        numbers: after_highest("step"),
    },
    Table {
        name: "published",
        columns: &[number("step"), number("stream"), number("drop_number"), bytes("ordinals"), ours("removals")],
        key: "step",
        numbers: after_highest("step"),
    },
    Table { name: "lost_drops", columns: &[number("drop_number")], key: "drop_number", numbers: None },
    Table {
        name: "rejects",
        columns: &[
            number("number"),
            number("tenant"),
            number("stream"),
            number("drop_number"),
            number("ordinal"),
            text("file"),
            number("line"),
            text("key"),
            text("code"),
            text("reason"),
            bytes("raw"),
        ],
        key: "number",
        numbers: REMEMBERED,
    },
    Table {
        name: "waiting",
        columns: &[
            number("number"),
            number("tenant"),
            number("needs_system"),
            number("needs_entity"),
            text("needs_key"),
            number("system"),
            number("entity"),
            text("key"),
            number("stream"),
            number("drop_number"),
            number("ordinal"),
            number("since"),
            bytes("event"),
        ],
        key: "number",
        numbers: REMEMBERED,
    },
    Table {
        name: "parked",
        columns: &[
            number("number"),
            number("tenant"),
            number("stage"),
            number("system"),
            text("key"),
            number("entity"),
            number("master"),
            number("version"),
            number("drop_number"),
            number("ordinal"),
            text("code"),
            text("reason"),
            number("since"),
            bytes("event"),
            number("needs_system"),
            number("needs_master"),
            text("task"),
        ],
        key: "number",
        numbers: REMEMBERED,
    },
    Table {
        name: "tasks",
        columns: &[
            number("number"),
            number("tenant"),
            text("subject"),
            text("code"),
            text("question"),
            number("system"),
            number("master"),
            number("other"),
            number("rank"),
            text("detail"),
            number("since"),
            number("closed_at"),
            text("closed_by"),
            number("decision"),
            text("reason"),
        ],
        key: "number",
        numbers: REMEMBERED,
    },
    Table {
        name: "attempts",
        columns: &[number("number"), number("tenant"), number("system"), ours("batch"), number("at"), ours("members")],
        key: "number",
        numbers: REMEMBERED,
    },
    Table {
        name: "commands",
        columns: &[number("number"), ours("command"), number("at"), number("done"), text("answer")],
        key: "number",
        numbers: REMEMBERED,
    },
    Table {
        name: "outbox",
        columns: &[
            number("master"),
            number("place"),
            number("number"),
            number("version"),
            ours("systems"),
            number("at"),
        ],
        key: "master",
        // Of a change its number is never below its place.
        numbers: Some(Numbers { column: "number", sequence: Some("outbox_numbers"), remembered: false }),
    },
    Table {
        name: "backlog",
        columns: &[number("place"), number("system"), number("master"), number("number")],
        key: "place",
        numbers: after_highest("place"),
    },
    Table {
        name: "known_records",
        columns: &[number("stream"), text("key"), number("row"), bytes("hash"), number("partition")],
        key: "stream, key",
        numbers: None,
    },
    Table {
        name: "match_keys",
        columns: &[number("tenant"), text("key"), number("master")],
        key: "tenant, key, master",
        numbers: None,
    },
    Table {
        name: "match_models",
        columns: &[number("tenant"), number("number"), number("at"), ours("model")],
        key: "tenant, number",
        numbers: None,
    },
    Table { name: "regroupings", columns: &[number("master"), number("after")], key: "master", numbers: None },
    Table {
        name: "judgements",
        columns: &[
            number("number"),
            number("tenant"),
            number("at"),
            number("kind"),
            text("by"),
            text("reason"),
            number("model"),
            number("master"),
            number("other"),
            ours("lefts"),
            ours("rights"),
            number("undoes"),
        ],
        key: "number",
        numbers: REMEMBERED,
    },
    Table {
        name: "judged",
        columns: &[number("record"), number("judgement")],
        key: "record, judgement",
        numbers: None,
    },
    Table {
        name: "match_records",
        columns: &[
            number("record"),
            number("system"),
            text("key"),
            number("master"),
            number("home"),
            ours("evidence"),
            bytes("common"),
        ],
        key: "record",
        numbers: None,
    },
    Table { name: "match_links", columns: &[number("record"), bytes("links")], key: "record", numbers: None },
    Table { name: "blocking", columns: &[number("key"), number("record")], key: "key, record", numbers: None },
    Table {
        name: "search_texts",
        columns: &[number("master"), number("entity"), text("text")],
        key: "master",
        numbers: None,
    },
    Table {
        name: "masters",
        columns: &[
            number("master"),
            number("entity"),
            number("version"),
            number("state"),
            number("redirect"),
            number("root"),
            ours("document"),
        ],
        key: "master",
        numbers: None,
    },
    Table {
        name: "crosswalk",
        columns: &[
            number("id"),
            number("tenant"),
            number("system"),
            number("entity"),
            text("key"),
            number("master"),
            number("version"),
            number("removed"),
            ours("residue"),
            ours("holds"),
            ours("earlier"),
            number("home"),
        ],
        key: "id",
        numbers: after_highest("id"),
    },
    Table {
        name: "sources",
        columns: &[
            number("id"),
            number("tenant"),
            number("system"),
            number("stream"),
            number("entity"),
            text("key"),
            number("master"),
            number("mapping"),
            number("drop_number"),
            number("ordinal"),
            number("observed_at"),
            number("removed"),
            ours("asserted"),
            ours("residue"),
            ours("document"),
        ],
        key: "id",
        numbers: after_highest("id"),
    },
    Table {
        name: "attachments",
        columns: &[number("id"), number("tenant"), ours("hash"), bytes("bytes")],
        key: "id",
        numbers: after_highest("id"),
    },
    Table {
        name: "journal",
        columns: &[
            number("number"),
            number("tenant"),
            number("at"),
            number("kind"),
            number("system"),
            number("entity"),
            text("key"),
            number("master"),
            number("version"),
            number("drop_number"),
            number("ordinal"),
            number("line"),
            text("detail"),
        ],
        key: "number",
        numbers: after_highest("number"),
    },
];
