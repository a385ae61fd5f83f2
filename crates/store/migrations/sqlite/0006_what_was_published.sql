-- What a hub must know when its bus was lost, and about the bus itself.

-- Which records of a drop were published: one row for each step of collect. Gone when all of the drop was resolved.
CREATE TABLE published (
    step        INTEGER PRIMARY KEY,
    stream      INTEGER NOT NULL,
    drop_number INTEGER NOT NULL,
    -- Their positions in the drop, as a serialised roaring treemap.
    ordinals    BLOB NOT NULL,
    -- Removals that a full export implies, as a JSON array of [row, key, partition] of known_records; NULL when there is none.
    removals    TEXT
) STRICT;
CREATE INDEX published_by_drop ON published (drop_number);
CREATE INDEX published_by_stream ON published (stream);

-- Drops of which something was lost with the bus: it is to be published once more.
CREATE TABLE lost_drops (
    drop_number INTEGER PRIMARY KEY
) STRICT;

-- The bus that belongs to this store, and the number of its partitions; JSON, in one row.
CREATE TABLE installation (
    id    INTEGER PRIMARY KEY,
    state TEXT NOT NULL
) STRICT;
