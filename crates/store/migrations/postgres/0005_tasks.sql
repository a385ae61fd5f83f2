-- Tasks have a rank, a second master and a detail, and it is kept how somebody closed them.

ALTER TABLE tasks
    ADD COLUMN other BIGINT,
    ADD COLUMN rank BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN detail TEXT,
    -- How somebody ended it; nothing of it while it is open.
    ADD COLUMN closed_at BIGINT,
    ADD COLUMN closed_by TEXT,
    ADD COLUMN decision BIGINT,
    ADD COLUMN reason TEXT,
    -- One subject has at most one open task and any number of closed ones.
    DROP CONSTRAINT tasks_tenant_subject_key;

CREATE UNIQUE INDEX tasks_open ON tasks (tenant, subject) WHERE closed_at IS NULL;
CREATE INDEX tasks_by_rank ON tasks (rank DESC, number) WHERE closed_at IS NULL;
CREATE INDEX tasks_closed ON tasks (closed_at DESC, number) WHERE closed_at IS NOT NULL;
-- The latest answer to a question.
CREATE INDEX tasks_answered ON tasks (tenant, subject, number) WHERE closed_at IS NOT NULL;
