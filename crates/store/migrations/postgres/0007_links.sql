-- Whom a record resembles changes whenever another one comes that resembles it; what it has shown hardly ever does, and is
-- ten times as large. Apart, a change writes a tenth of the bytes, and the rows stand together on a tenth of the pages.
CREATE TABLE match_links (
    record BIGINT PRIMARY KEY,
    -- Twelve bytes for each record that resembles this one.
    links  BYTEA NOT NULL
-- Room in the page keeps a row that is written again away from the index.
) WITH (fillfactor = 70);
INSERT INTO match_links (record, links) SELECT record, links FROM match_records WHERE links IS NOT NULL ORDER BY record;
ALTER TABLE match_records DROP COLUMN links;
