-- The directory of orgs is listed by the length of the id and then the id, which puts 2 before 10.

SET LOCAL ROLE ledger_keeper;
SET LOCAL search_path = ledger;

CREATE INDEX current_entitlements_listed ON current_entitlements (length(org), org);

RESET ROLE;
