-- Who is who: what records have shown, by which keys they find each other, and what was decided about them.

-- What the records of customers have shown. A record is named like a master: `tenant` << 40 | number.
CREATE TABLE match_records (
    record   INTEGER PRIMARY KEY,
    system   INTEGER NOT NULL,
    key      TEXT NOT NULL,
    master   INTEGER NOT NULL,
    home     INTEGER NOT NULL,
    evidence TEXT NOT NULL,
    -- Eight bytes for each key of a value that is nobody's; NULL when there is none.
    common   BLOB,
    -- Twelve bytes for each record that resembles this one.
    links    BLOB
) STRICT;
CREATE INDEX match_records_by_master ON match_records (master);

-- The inverted index. A key that leads nowhere has one row, with the record number 0 of its tenant.
CREATE TABLE blocking (
    key    INTEGER NOT NULL,
    record INTEGER NOT NULL,
    PRIMARY KEY (key, record)
) STRICT, WITHOUT ROWID;

-- What people decided, and what the hub did by itself. Rows are never changed and never deleted.
CREATE TABLE judgements (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant INTEGER NOT NULL,
    at     INTEGER NOT NULL,
    kind   INTEGER NOT NULL,
    -- NULL: the hub by itself.
    by     TEXT,
    reason TEXT,
    model  INTEGER,
    master INTEGER NOT NULL,
    other  INTEGER,
    -- JSON arrays of record numbers.
    lefts  TEXT NOT NULL,
    rights TEXT NOT NULL,
    undoes INTEGER
) STRICT;
CREATE INDEX judgements_by_master ON judgements (master);
CREATE INDEX judgements_by_other ON judgements (other) WHERE other IS NOT NULL;
CREATE INDEX judgements_by_undone ON judgements (undoes) WHERE undoes IS NOT NULL;

-- Which records a person's judgement is about.
CREATE TABLE judged (
    record    INTEGER NOT NULL,
    judgement INTEGER NOT NULL,
    PRIMARY KEY (record, judgement)
) STRICT, WITHOUT ROWID;

-- Customers whose documents are to be looked at again, and how far that is done.
CREATE TABLE regroupings (
    master INTEGER PRIMARY KEY,
    after  INTEGER NOT NULL
) STRICT;

CREATE TABLE match_models (
    tenant INTEGER NOT NULL,
    number INTEGER NOT NULL,
    at     INTEGER NOT NULL,
    model  TEXT NOT NULL,
    PRIMARY KEY (tenant, number)
) STRICT;

-- The master that a record belonged to first; NULL while it never moved.
ALTER TABLE crosswalk ADD COLUMN home INTEGER;
CREATE INDEX crosswalk_by_home ON crosswalk (home) WHERE home IS NOT NULL;

CREATE INDEX tasks_by_master ON tasks (master) WHERE closed_at IS NULL AND master IS NOT NULL;
CREATE INDEX tasks_by_other ON tasks (other) WHERE closed_at IS NULL AND other IS NOT NULL;
