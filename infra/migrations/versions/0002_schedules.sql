-- When the boundary ticker is next wanted for an org: a column made of the last field of its state,
-- so that whatever writes the state need not know. (An index on the expression itself would do, but
-- then no append could update a row in place: PostgreSQL compares the columns, and state always
-- differs, while wake_at seldom does.) The text sorts as time does.

SET LOCAL ROLE ledger_keeper;
SET LOCAL search_path = ledger;

ALTER TABLE current_entitlements ADD COLUMN wake_at text COLLATE "C" GENERATED ALWAYS AS (
    CASE WHEN substr(state, length(state) - 39, 11) = '"wake_at":"'::bytea
         THEN encode(substr(state, length(state) - 28, 27), 'escape') END
) STORED;
COMMENT ON COLUMN current_entitlements.wake_at IS
    'The next instant something is due, as in state; null: nothing, or a row not yet rebuilt.';
CREATE INDEX current_entitlements_by_wake ON current_entitlements (wake_at, org)
    WHERE wake_at IS NOT NULL;

RESET ROLE;
