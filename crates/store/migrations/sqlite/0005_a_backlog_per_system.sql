-- Changes that did not fit into the delivery queue of a system, so that the outbox goes on for the others.

CREATE TABLE backlog (
    place  INTEGER PRIMARY KEY,
    system INTEGER NOT NULL,
    master INTEGER NOT NULL,
    -- Higher with every further change, so that a confirmation of an older state does not forget a newer one.
    number INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX backlog_by_master ON backlog (system, master);
CREATE INDEX backlog_in_order ON backlog (system, place);
