-- Workers that share the work, and who does which piece of it.

CREATE TABLE workers (
    name  TEXT COLLATE "C" PRIMARY KEY,
    -- Kinds of work, as ',collect,delivery,'.
    kinds TEXT NOT NULL,
    until TIMESTAMPTZ NOT NULL
);

-- An epoch is part of a key, so that giving work to another waits for the transactions that are done under the old epoch
-- (they hold FOR KEY SHARE), and prolonging a lease does not.
CREATE TABLE leases (
    work   TEXT COLLATE "C" PRIMARY KEY,
    epoch  BIGINT NOT NULL,
    worker TEXT COLLATE "C",
    until  TIMESTAMPTZ,
    UNIQUE (work, epoch)
);
