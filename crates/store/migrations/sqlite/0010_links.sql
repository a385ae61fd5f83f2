-- Whom a record resembles changes whenever another one comes that resembles it; what it has shown hardly ever does, and is
-- ten times as large. Apart, the rows that are written often stand together on a tenth of the pages.
CREATE TABLE match_links (
    record INTEGER PRIMARY KEY,
    -- Twelve bytes for each record that resembles this one; a record that resembles nobody has no row.
    links  BLOB NOT NULL
) STRICT;
INSERT INTO match_links (record, links) SELECT record, links FROM match_records WHERE links IS NOT NULL ORDER BY record;
ALTER TABLE match_records DROP COLUMN links;
