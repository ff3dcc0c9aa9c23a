-- That a trial starts, or goes on longer, names no source: every trial has the same one. Who looks
-- for all there is of that source found the ends of trials, and not their starts.

SET LOCAL ROLE ledger_keeper;
SET LOCAL search_path = ledger;

CREATE FUNCTION audit_source(p_topic text, p_body jsonb) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(p_body ->> 'source',
                    CASE WHEN p_topic IN ('entitlements.TrialStarted.v1',
                                          'entitlements.TrialExtended.v1') THEN 'trial' END)
$$;
REVOKE ALL ON FUNCTION audit_source FROM PUBLIC;
GRANT EXECUTE ON FUNCTION audit_source TO ledger_app;

-- As it was (0001), but for the source.
CREATE OR REPLACE FUNCTION audit_rows(p_after bigint, p_until bigint) RETURNS SETOF audit_entries
LANGUAGE sql STABLE AS $$
    SELECT e.position,
           CASE WHEN e.stream LIKE 'org-%' THEN substr(e.stream, 5) ELSE b.body ->> 'org' END,
           b.body ->> 'key', e.topic, b.body ->> 'actor', ledger.audit_source(e.topic, b.body),
           b.body ->> 'batch_id', e.recorded_at
      FROM ledger.events e, LATERAL (SELECT ledger.audit_body(e.state) OFFSET 0) AS b (body)
     WHERE e.position > p_after AND e.position <= p_until
$$;

-- As it was (0009), but for the source.
CREATE OR REPLACE FUNCTION follow_audit(p_most int) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
DECLARE
    v_from bigint;
    v_to bigint;
BEGIN
    -- The view can be made again from the log, rows and cursor go together: no need to wait for
    -- the disk, which appends are waiting for.
    PERFORM set_config('synchronous_commit', 'off', true);
    SELECT position INTO v_from FROM followers WHERE view = 'audit' FOR UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN 0;
    END IF;
    SELECT least(position, v_from + p_most) INTO v_to FROM head;
    IF v_to <= v_from THEN
        RETURN 0;
    END IF;
    BEGIN
        -- These are the rows of audit_rows(), which says what they are to be.
        INSERT INTO audit_entries
            SELECT e.position,
                   CASE WHEN e.stream LIKE 'org-%' THEN substr(e.stream, 5)
                        ELSE b.body ->> 'org' END,
                   b.body ->> 'key', e.topic, b.body ->> 'actor', audit_source(e.topic, b.body),
                   b.body ->> 'batch_id', e.recorded_at
              FROM events e,
                   LATERAL (SELECT convert_from(e.state, 'UTF8')::jsonb OFFSET 0) AS b (body)
             WHERE e.position > v_from AND e.position <= v_to;
    EXCEPTION WHEN data_exception THEN
        INSERT INTO audit_entries SELECT * FROM audit_rows(v_from, v_to);
    END;
    UPDATE followers SET position = v_to WHERE view = 'audit';
    RETURN v_to - v_from;
END
$$;

UPDATE audit_entries SET source = 'trial'
 WHERE type IN ('entitlements.TrialStarted.v1', 'entitlements.TrialExtended.v1')
   AND source IS NULL;
RESET ROLE;
