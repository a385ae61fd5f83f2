-- A system may be read late: what it shows may be what was delivered before the last delivery.

-- A JSON array of the shadows that were replaced and that the system has not shown since, oldest first; NULL when there is none.
ALTER TABLE crosswalk ADD COLUMN earlier TEXT;
