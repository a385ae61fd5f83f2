-- The documents that belong to a customer; customers, whose root is their own id, cost nothing here.
-- 1099511627775 takes the tenant off the packed key, which leaves the id.
CREATE INDEX masters_by_root ON masters (root, master) WHERE root <> (master & 1099511627775);
