-- To be ready for a damaged event at every single one of them costs a subtransaction each. Now it is
-- seen to for a batch, and only where there is one.

SET LOCAL ROLE ledger_keeper;
SET LOCAL search_path = ledger;

-- As it was (0001), but that it first takes all events for sound.
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
                   b.body ->> 'key', e.topic, b.body ->> 'actor', b.body ->> 'source',
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
RESET ROLE;
