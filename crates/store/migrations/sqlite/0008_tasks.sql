-- Tasks have a rank, a second master and a detail, and it is kept how somebody closed them.

-- One subject has at most one open task and any number of closed ones, so the constraint on all rows goes.
CREATE TABLE ranked_tasks (
    number    INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant    INTEGER NOT NULL,
    subject   TEXT NOT NULL,
    code      TEXT NOT NULL,
    question  TEXT NOT NULL,
    system    INTEGER NOT NULL,
    master    INTEGER,
    other     INTEGER,
    rank      INTEGER NOT NULL,
    detail    TEXT,
    since     INTEGER NOT NULL,
    -- How somebody ended it; nothing of it while it is open.
    closed_at INTEGER,
    closed_by TEXT,
    decision  INTEGER,
    reason    TEXT
) STRICT;
INSERT INTO ranked_tasks (number, tenant, subject, code, question, system, master, rank, since)
SELECT number, tenant, subject, code, question, system, master, 0, since FROM tasks;
-- Numbers are never given twice, also when the last ones are gone.
DELETE FROM sqlite_sequence WHERE name = 'ranked_tasks';
INSERT INTO sqlite_sequence (name, seq) SELECT 'ranked_tasks', seq FROM sqlite_sequence WHERE name = 'tasks';
DROP TABLE tasks;
ALTER TABLE ranked_tasks RENAME TO tasks;

CREATE UNIQUE INDEX tasks_open ON tasks (subject, tenant) WHERE closed_at IS NULL;
CREATE INDEX tasks_by_rank ON tasks (rank DESC, number) WHERE closed_at IS NULL;
CREATE INDEX tasks_closed ON tasks (closed_at DESC, number) WHERE closed_at IS NOT NULL;
-- The latest answer to a question.
CREATE INDEX tasks_answered ON tasks (subject, tenant, number) WHERE closed_at IS NOT NULL;
