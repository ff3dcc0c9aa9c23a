-- What a batch did is read and undone org by org.

SET LOCAL ROLE ledger_keeper;
SET LOCAL search_path = ledger;

CREATE INDEX audit_by_batch_and_org ON audit_entries (batch, org, position)
    WHERE batch IS NOT NULL;
COMMENT ON INDEX audit_by_batch_and_org IS 'The orgs of a batch, a page at a time.';

RESET ROLE;
