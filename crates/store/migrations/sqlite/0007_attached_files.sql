-- Attached files of documents, each once.
CREATE TABLE attachments (
    id     INTEGER PRIMARY KEY,
    tenant INTEGER NOT NULL,
    -- As documents have it: `sha256:` and hexadecimal digits.
    hash   TEXT NOT NULL,
    bytes  BLOB NOT NULL
) STRICT;
-- Beside the table, not in it: a look-up touches no page of the others' bytes.
CREATE UNIQUE INDEX attachments_by_hash ON attachments (tenant, hash);
