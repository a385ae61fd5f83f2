-- Parked deliveries that release themselves, and tasks that end with what they ask about.

-- What a parked delivery needs before it can go: the key that a system has for a master.
ALTER TABLE parked ADD COLUMN needs_system INTEGER;
ALTER TABLE parked ADD COLUMN needs_master INTEGER;
-- The subject of the task that asks about it.
ALTER TABLE parked ADD COLUMN task TEXT;

CREATE INDEX parked_by_need ON parked (needs_master, needs_system) WHERE needs_master IS NOT NULL;
-- Those with a reason of their own: few, and the others of a key only stand behind them.
CREATE INDEX parked_with_reason ON parked (key, system, stage, tenant) WHERE reason IS NOT NULL;

UPDATE parked SET task = (
    SELECT subject FROM tasks t
    WHERE t.tenant = parked.tenant AND t.system = parked.system AND t.master = parked.master AND t.code = parked.code
    ORDER BY t.number DESC LIMIT 1
) WHERE reason IS NOT NULL;
-- Tasks were never closed before.
DELETE FROM tasks WHERE NOT EXISTS (SELECT 1 FROM parked p WHERE p.tenant = tasks.tenant AND p.task = tasks.subject);
