-- The audit view: one row per event, arranged for asking who did what to whom and when.

SET LOCAL ROLE ledger_keeper;
SET LOCAL search_path = ledger;

CREATE TABLE followers (
    view text COLLATE "C" PRIMARY KEY,
    position bigint NOT NULL
);
COMMENT ON TABLE followers IS 'How far each view that follows the log has come.';
INSERT INTO followers (view, position) VALUES ('audit', 0);

CREATE TABLE audit_entries (
    position bigint NOT NULL,
    org text COLLATE "C",
    key text COLLATE "C",
    type text COLLATE "C" NOT NULL,
    actor text COLLATE "C",
    source text COLLATE "C",
    batch text COLLATE "C",
    recorded_at timestamptz NOT NULL
);
COMMENT ON TABLE audit_entries IS
    'Following view ''audit'': the columns events are looked for by; the event has the rest.';

-- Each leads to the events with a mark in the order of the log, from any place in it. None leads
-- through the log alone: a page of a rare mark would be looked for there, a million rows long.
CREATE INDEX audit_by_org ON audit_entries (org, position) WHERE org IS NOT NULL;
CREATE INDEX audit_by_key ON audit_entries (key, position) WHERE key IS NOT NULL;
CREATE INDEX audit_by_key_and_type ON audit_entries (key, type, position) WHERE key IS NOT NULL;
CREATE INDEX audit_by_key_and_org ON audit_entries (key, org)
    WHERE key IS NOT NULL AND org IS NOT NULL;
CREATE INDEX audit_by_type ON audit_entries (type, position);
CREATE INDEX audit_by_actor ON audit_entries (actor, position);
CREATE INDEX audit_by_actor_and_type ON audit_entries (actor, type, position);
CREATE INDEX audit_by_source ON audit_entries (source, position) WHERE source IS NOT NULL;
CREATE INDEX audit_by_batch ON audit_entries (batch, position) WHERE batch IS NOT NULL;
CREATE INDEX audit_by_time ON audit_entries (recorded_at, position);

-- The content of an event by which it is looked for; null where somebody has damaged it, which it is
-- for verification to tell, and which keeps no other event from being found.
CREATE FUNCTION audit_body(p_state bytea) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN convert_from(p_state, 'UTF8')::jsonb - 'document';
EXCEPTION WHEN data_exception THEN
    RETURN NULL;
END
$$;

-- What the log makes of the view after a position and up to another: following and rebuilding write
-- it, a look compares. Without a search path of its own, so that it becomes part of what calls it.
CREATE FUNCTION audit_rows(p_after bigint, p_until bigint) RETURNS SETOF audit_entries
LANGUAGE sql STABLE AS $$
    SELECT e.position, CASE WHEN e.stream LIKE 'org-%' THEN substr(e.stream, 5) END,
           b.body ->> 'key', e.topic, b.body ->> 'actor', b.body ->> 'source',
           b.body ->> 'batch_id', e.recorded_at
      FROM ledger.events e, LATERAL (SELECT ledger.audit_body(e.state) OFFSET 0) AS b (body)
     WHERE e.position > p_after AND e.position <= p_until
$$;

-- Brings the view on by at most p_most events and returns how many; 0 when it is at the end, or
-- when another process is at it. Rows and cursor move in one transaction.
CREATE FUNCTION follow_audit(p_most int) RETURNS bigint
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
    INSERT INTO audit_entries SELECT * FROM audit_rows(v_from, v_to);
    UPDATE followers SET position = v_to WHERE view = 'audit';
    RETURN v_to - v_from;
END
$$;

-- Begins the view again from nothing.
CREATE FUNCTION reset_audit() RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
    UPDATE followers SET position = 0 WHERE view = 'audit';
    TRUNCATE audit_entries;
$$;

-- Tells the planner what a rebuild has filled the view with, before anybody asks.
CREATE FUNCTION analyse_audit() RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
    ANALYZE audit_entries;
$$;

REVOKE ALL ON FUNCTION audit_body, audit_rows, follow_audit, reset_audit, analyse_audit FROM PUBLIC;
GRANT SELECT ON followers, audit_entries TO ledger_app;
GRANT EXECUTE ON FUNCTION audit_body, audit_rows, follow_audit, reset_audit, analyse_audit
    TO ledger_app;
RESET ROLE;
