-- Everything that lasts.
--
-- Conventions:
-- * Names that repeat (tenants, systems, streams, entities, mapping versions) are stored once, in `words`; rows carry numbers.
-- * Every row of a tenant carries it: as `tenant`, or inside a packed master key (`tenant` << 40 | master id) named `master`.
-- * Times are nanoseconds since 1970 in UTC. Codes of closed lists are fixed in src/value.rs and never change.
-- * Tables with documents keep their rowid: a row in a WITHOUT ROWID table spills over into a page of its own at 1 KB.
-- * Unique indices over a system's own keys begin with the key, so that a key can be looked up without knowing its system.

CREATE TABLE words (
    id   INTEGER PRIMARY KEY,
    text TEXT NOT NULL UNIQUE
) STRICT;
-- The canonical entities have fixed numbers; declared ones get theirs like any other word.
INSERT INTO words (id, text) VALUES (1, 'customer'), (2, 'invoice'), (3, 'payment'), (4, 'allocation');

CREATE TABLE mapping_versions (
    version INTEGER PRIMARY KEY,
    name    TEXT NOT NULL,
    covers  TEXT NOT NULL
) STRICT;

-- Collect ------------------------------------------------------------------------------------------------------------

CREATE TABLE streams (
    id         INTEGER PRIMARY KEY,
    tenant     INTEGER NOT NULL,
    system     INTEGER NOT NULL,
    stream     INTEGER NOT NULL,
    checkpoint TEXT,
    open_drop  INTEGER,
    last_run   INTEGER,
    fault      TEXT,
    -- The next row number of known_records.
    next_row   INTEGER NOT NULL DEFAULT 0,
    UNIQUE (tenant, system, stream)
) STRICT;

CREATE TABLE drops (
    number       INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant       INTEGER NOT NULL,
    stream       INTEGER NOT NULL,
    name         TEXT NOT NULL,
    fingerprint  BLOB,
    bytes        INTEGER,
    export       INTEGER NOT NULL,
    mapping      INTEGER NOT NULL,
    begun_at     INTEGER NOT NULL,
    ended_at     INTEGER,
    ending       INTEGER,
    duplicate_of INTEGER,
    -- Removals of records that a full export no longer showed: counted in records_read, yet not records of the drop.
    removals     INTEGER NOT NULL DEFAULT 0,
    records_read INTEGER NOT NULL DEFAULT 0,
    rows_read    INTEGER NOT NULL DEFAULT 0,
    in_flight    INTEGER NOT NULL DEFAULT 0,
    created      INTEGER NOT NULL DEFAULT 0,
    updated      INTEGER NOT NULL DEFAULT 0,
    unchanged    INTEGER NOT NULL DEFAULT 0,
    removed      INTEGER NOT NULL DEFAULT 0,
    duplicate    INTEGER NOT NULL DEFAULT 0,
    rejected     INTEGER NOT NULL DEFAULT 0,
    parked       INTEGER NOT NULL DEFAULT 0,
    waiting      INTEGER NOT NULL DEFAULT 0,
    withheld     INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX drops_by_ending ON drops (stream, ending, number);
CREATE INDEX drops_by_fingerprint ON drops (stream, fingerprint, number) WHERE fingerprint IS NOT NULL;
CREATE INDEX drops_by_name ON drops (name);

-- What was last published of every record.
CREATE TABLE known_records (
    stream    INTEGER NOT NULL,
    key       TEXT NOT NULL,
    row       INTEGER NOT NULL,
    hash      BLOB NOT NULL,
    -- Of the observed bus: the removal of the record goes the same way as its last observation.
    partition INTEGER NOT NULL,
    PRIMARY KEY (stream, key)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX known_records_by_row ON known_records (stream, row);

-- Which rows of known_records an open full export has shown: one roaring bitmap per step.
CREATE TABLE seen_rows (
    step        INTEGER PRIMARY KEY,
    drop_number INTEGER NOT NULL,
    bitmap      BLOB NOT NULL
) STRICT;
CREATE INDEX seen_rows_by_drop ON seen_rows (drop_number);

CREATE TABLE rejects (
    number      INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant      INTEGER NOT NULL,
    stream      INTEGER NOT NULL,
    drop_number INTEGER NOT NULL,
    ordinal     INTEGER NOT NULL,
    file        TEXT,
    line        INTEGER,
    key         TEXT,
    code        TEXT NOT NULL,
    reason      TEXT NOT NULL,
    raw         BLOB NOT NULL,
    UNIQUE (drop_number, ordinal)
) STRICT;
CREATE INDEX rejects_by_key ON rejects (key, tenant) WHERE key IS NOT NULL;

-- Resolve ------------------------------------------------------------------------------------------------------------

-- The next numbers of each tenant.
CREATE TABLE sequences (
    tenant  INTEGER PRIMARY KEY,
    master  INTEGER NOT NULL,
    version INTEGER NOT NULL
) STRICT;

CREATE TABLE sources (
    id          INTEGER PRIMARY KEY,
    tenant      INTEGER NOT NULL,
    system      INTEGER NOT NULL,
    stream      INTEGER NOT NULL,
    entity      INTEGER NOT NULL,
    key         TEXT NOT NULL,
    master      INTEGER NOT NULL,
    mapping     INTEGER NOT NULL,
    drop_number INTEGER NOT NULL,
    ordinal     INTEGER NOT NULL,
    observed_at INTEGER NOT NULL,
    removed     INTEGER NOT NULL,
    asserted    TEXT NOT NULL,
    residue     TEXT,
    document    TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX sources_by_key ON sources (key, stream, system, entity, tenant);
CREATE INDEX sources_by_master ON sources (master);

CREATE TABLE crosswalk (
    id      INTEGER PRIMARY KEY,
    tenant  INTEGER NOT NULL,
    system  INTEGER NOT NULL,
    entity  INTEGER NOT NULL,
    key     TEXT NOT NULL,
    master  INTEGER NOT NULL,
    version INTEGER NOT NULL,
    removed INTEGER NOT NULL,
    residue TEXT,
    holds   TEXT
) STRICT;
CREATE UNIQUE INDEX crosswalk_by_key ON crosswalk (key, system, entity, tenant);
CREATE INDEX crosswalk_by_master ON crosswalk (master);

CREATE TABLE masters (
    master   INTEGER PRIMARY KEY,
    entity   INTEGER NOT NULL,
    version  INTEGER NOT NULL,
    state    INTEGER NOT NULL,
    redirect INTEGER,
    root     INTEGER NOT NULL,
    document TEXT NOT NULL
) STRICT;

-- What people look for, apart from the documents so that a search reads a tenth of the pages.
CREATE TABLE search_texts (
    master INTEGER PRIMARY KEY,
    entity INTEGER NOT NULL,
    text   TEXT NOT NULL
) STRICT;

-- How many masters of each kind are there, so that nobody counts a million rows to show a number.
CREATE TABLE tallies (
    tenant INTEGER NOT NULL,
    entity INTEGER NOT NULL,
    count  INTEGER NOT NULL,
    PRIMARY KEY (tenant, entity)
) STRICT, WITHOUT ROWID;

CREATE TABLE match_keys (
    tenant INTEGER NOT NULL,
    key    TEXT NOT NULL,
    master INTEGER NOT NULL,
    PRIMARY KEY (tenant, key, master)
) STRICT, WITHOUT ROWID;

-- One row per master: several changes of it are one message, at the place in the queue that the oldest took.
CREATE TABLE outbox (
    master  INTEGER PRIMARY KEY,
    place   INTEGER NOT NULL,
    -- New with every change, so that a confirmation of an older state does not forget a newer one.
    number  INTEGER NOT NULL,
    version INTEGER NOT NULL,
    -- NULL: for all subscribers; else the words of systems, as ',7,12,'.
    systems TEXT,
    at      INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX outbox_by_place ON outbox (place);

CREATE TABLE journal (
    number      INTEGER PRIMARY KEY,
    tenant      INTEGER NOT NULL,
    at          INTEGER NOT NULL,
    kind        INTEGER NOT NULL,
    system      INTEGER NOT NULL,
    entity      INTEGER NOT NULL,
    key         TEXT,
    master      INTEGER,
    version     INTEGER,
    drop_number INTEGER,
    ordinal     INTEGER,
    line        INTEGER,
    detail      TEXT
) STRICT;
CREATE INDEX journal_by_master ON journal (master) WHERE master IS NOT NULL;
CREATE INDEX journal_by_drop ON journal (drop_number, ordinal) WHERE drop_number IS NOT NULL;

CREATE TABLE waiting (
    number       INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant       INTEGER NOT NULL,
    needs_system INTEGER NOT NULL,
    needs_entity INTEGER NOT NULL,
    needs_key    TEXT NOT NULL,
    system       INTEGER NOT NULL,
    entity       INTEGER NOT NULL,
    key          TEXT NOT NULL,
    stream       INTEGER NOT NULL,
    drop_number  INTEGER NOT NULL,
    ordinal      INTEGER NOT NULL,
    since        INTEGER NOT NULL,
    event        BLOB NOT NULL
) STRICT;
CREATE INDEX waiting_by_need ON waiting (needs_key, needs_system, needs_entity, tenant);
CREATE INDEX waiting_by_key ON waiting (key, tenant);

CREATE TABLE parked (
    number      INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant      INTEGER NOT NULL,
    stage       INTEGER NOT NULL,
    system      INTEGER NOT NULL,
    key         TEXT NOT NULL,
    entity      INTEGER NOT NULL,
    master      INTEGER,
    version     INTEGER,
    drop_number INTEGER,
    ordinal     INTEGER,
    code        TEXT NOT NULL,
    reason      TEXT,
    since       INTEGER NOT NULL,
    event       BLOB NOT NULL
) STRICT;
CREATE INDEX parked_by_key ON parked (key, system, stage, tenant);

-- Deliver ------------------------------------------------------------------------------------------------------------

-- Calls that were made durable before they were made; the members are one JSON text, so that a call costs one row.
CREATE TABLE attempts (
    number  INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant  INTEGER NOT NULL,
    system  INTEGER NOT NULL,
    batch   TEXT NOT NULL,
    at      INTEGER NOT NULL,
    members TEXT NOT NULL,
    UNIQUE (tenant, system, batch)
) STRICT;

CREATE TABLE targets (
    tenant        INTEGER NOT NULL,
    system        INTEGER NOT NULL,
    state         INTEGER NOT NULL DEFAULT 0,
    reason        TEXT,
    since         INTEGER,
    delivered     INTEGER NOT NULL DEFAULT 0,
    refused       INTEGER NOT NULL DEFAULT 0,
    last_delivery INTEGER,
    PRIMARY KEY (tenant, system)
) STRICT, WITHOUT ROWID;

-- Operate ------------------------------------------------------------------------------------------------------------

CREATE TABLE tasks (
    number   INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant   INTEGER NOT NULL,
    subject  TEXT NOT NULL,
    code     TEXT NOT NULL,
    question TEXT NOT NULL,
    system   INTEGER NOT NULL,
    master   INTEGER,
    since    INTEGER NOT NULL,
    UNIQUE (tenant, subject)
) STRICT;

-- Commands are for the hub of this store, whatever the tenant.
CREATE TABLE commands (
    number  INTEGER PRIMARY KEY AUTOINCREMENT,
    command TEXT NOT NULL,
    at      INTEGER NOT NULL,
    -- NULL while nobody has carried it out; then whether it was done, and what was said.
    done    INTEGER,
    answer  TEXT
) STRICT;
CREATE INDEX commands_pending ON commands (number) WHERE done IS NULL;
