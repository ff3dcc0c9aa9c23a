-- Propagation receipts: which version of an org each subscriber says it has applied.

SET LOCAL ROLE ledger_keeper;
SET LOCAL search_path = ledger;

CREATE TABLE subscribers (
    name text COLLATE "C" PRIMARY KEY,
    reported_at timestamptz NOT NULL
);
COMMENT ON TABLE subscribers IS 'Who has reported within 30 days, and when that was last.';

CREATE TABLE receipts (
    org text COLLATE "C" NOT NULL,
    subscriber text COLLATE "C" NOT NULL,
    epoch integer NOT NULL,
    org_version bigint NOT NULL,
    reported_at timestamptz NOT NULL,
    PRIMARY KEY (org, subscriber)
) WITH (fillfactor = 80);
COMMENT ON TABLE receipts IS
    'The newest version of each org that a subscriber has reported as applied. Nothing is decided '
    'by it.';

-- Notes receipts, of which older ones and those of unknown orgs count for nothing; how many are
-- of known orgs.
CREATE FUNCTION note_receipts(
    p_subscriber text, p_epoch integer, p_orgs text[], p_versions bigint[]
) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
DECLARE
    v_known bigint;
    v_gone text[];
BEGIN
    -- Instances come and go: who says nothing for so long is behind nobody any more.
    SELECT array_agg(name) INTO v_gone FROM subscribers
     WHERE reported_at < clock_timestamp() - interval '30 days' AND name <> p_subscriber;
    IF v_gone IS NOT NULL THEN
        DELETE FROM receipts WHERE subscriber = ANY (v_gone);
        DELETE FROM subscribers WHERE name = ANY (v_gone);
    END IF;
    INSERT INTO subscribers (name, reported_at) VALUES (p_subscriber, clock_timestamp())
    ON CONFLICT (name) DO UPDATE SET reported_at = excluded.reported_at;
    WITH told AS (
        SELECT t.org, max(t.version) AS version
          FROM unnest(p_orgs, p_versions) AS t (org, version)
          JOIN current_entitlements c ON c.org = t.org
         GROUP BY t.org ORDER BY t.org
    ), noted AS (
        INSERT INTO receipts AS r (org, subscriber, epoch, org_version, reported_at)
        SELECT org, p_subscriber, p_epoch, version, clock_timestamp() FROM told
        ON CONFLICT (org, subscriber) DO UPDATE SET
            epoch = excluded.epoch, org_version = excluded.org_version,
            reported_at = excluded.reported_at
         WHERE (r.epoch, r.org_version) < (excluded.epoch, excluded.org_version)
    )
    SELECT count(*) INTO v_known FROM told;
    RETURN v_known;
END
$$;

REVOKE ALL ON FUNCTION note_receipts FROM PUBLIC;
GRANT SELECT ON subscribers, receipts TO ledger_app;
GRANT EXECUTE ON FUNCTION note_receipts TO ledger_app;
RESET ROLE;
