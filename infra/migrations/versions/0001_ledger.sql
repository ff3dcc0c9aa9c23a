-- The log, its head, the inline views, and the one function through which anything is written.

-- Roles belong to the whole server, and its databases may be migrated side by side: whoever comes
-- second takes the roles as they are, and the lock on one that a comment holds to the end.
DO $$
DECLARE
    v_role text;
BEGIN
    FOREACH v_role IN ARRAY ARRAY['ledger_keeper', 'ledger_app'] LOOP
        BEGIN
            IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = v_role) THEN
                EXECUTE format('CREATE ROLE %I NOLOGIN', v_role);
            END IF;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL;
        END;
    END LOOP;
END
$$;
COMMENT ON ROLE ledger_app IS 'The Entitlements Ledger''s processes: read, and append.';
ALTER ROLE ledger_app SET lock_timeout = '2s';
ALTER ROLE ledger_app SET statement_timeout = '5s';
ALTER ROLE ledger_app SET idle_in_transaction_session_timeout = '5s';
DO $$
BEGIN
    IF current_setting('server_version_num')::int >= 170000 THEN
        ALTER ROLE ledger_app SET transaction_timeout = '5s';
    END IF;
    EXECUTE format('GRANT ledger_app TO %I', current_user);
    EXECUTE format('GRANT ledger_keeper TO %I', current_user);
EXCEPTION WHEN duplicate_object OR invalid_grant_operation THEN
    NULL;
END
$$;

-- The migrating role creates; the owner, who cannot log in, owns.
ALTER SCHEMA ledger OWNER TO ledger_keeper;
GRANT USAGE ON SCHEMA ledger TO ledger_app;
SET LOCAL ROLE ledger_keeper;
SET LOCAL search_path = ledger;

CREATE TABLE events (
    position bigint PRIMARY KEY,
    stream text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    event_id uuid NOT NULL,
    topic text COLLATE "C" NOT NULL,
    state bytea NOT NULL,
    recorded_at timestamptz NOT NULL,
    hash bytea NOT NULL,
    UNIQUE (stream, version)
);
COMMENT ON TABLE events IS 'The log. Positions are gapless; rows are never changed or removed.';

CREATE TABLE head (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    epoch integer NOT NULL,
    position bigint NOT NULL,
    hash bytea NOT NULL,
    recorded_at timestamptz NOT NULL
) WITH (fillfactor = 10);
COMMENT ON TABLE head IS 'The end of the log; its row lock is the one order of all appends.';
INSERT INTO head (epoch, position, hash, recorded_at)
VALUES (1, 0, sha256('entitlements ledger'), '1970-01-01T00:00:00Z');

CREATE TABLE commands (
    command_id uuid PRIMARY KEY,
    fingerprint bytea,
    stream text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    first_position bigint,
    recorded_at timestamptz NOT NULL,
    response bytea
);
COMMENT ON TABLE commands IS 'What each command came to, so that asking twice acts once.';

CREATE TABLE current_entitlements (
    org text COLLATE "C" PRIMARY KEY,
    name text NOT NULL,
    org_version bigint NOT NULL,
    position bigint NOT NULL,
    state bytea NOT NULL
) WITH (fillfactor = 70);
COMMENT ON TABLE current_entitlements IS 'Inline view: what the facts of each org add up to.';

CREATE TABLE legacy_enabled_modules (
    org text COLLATE "C" PRIMARY KEY,
    org_version bigint NOT NULL,
    granted text NOT NULL
) WITH (fillfactor = 70);
COMMENT ON TABLE legacy_enabled_modules IS
    'Inline view: the intervals in which each module is granted and not blocked, as JSON '
    '{KEY: [[from, until or null], ...]}; enabled_modules() reads it at an instant.';

CREATE TABLE snapshots (
    stream text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    state bytea NOT NULL,
    PRIMARY KEY (stream, version)
);
COMMENT ON TABLE snapshots IS 'The state of a stream at every hundredth version or so.';

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the ledger''s events are immutable: % is refused', TG_OP
        USING ERRCODE = 'restrict_violation';
END
$$;
CREATE TRIGGER immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE events ENABLE ALWAYS TRIGGER immutable;

-- RFC 6962 domain separation: 0x00 before a leaf, 0x01 before an inner node.
CREATE FUNCTION leaf_hash(
    p_position bigint, p_stream text, p_version bigint, p_event_id uuid, p_topic text,
    p_recorded_at timestamptz, p_state bytea
) RETURNS bytea LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT sha256('\x00'::bytea || convert_to(concat_ws('|',
        p_position, p_stream, p_version, p_event_id, p_topic,
        (extract(epoch FROM p_recorded_at) * 1000000)::bigint, ''), 'UTF8') || p_state)
$$;
CREATE FUNCTION chain_hash(p_previous bytea, p_leaf bytea) RETURNS bytea
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT sha256('\x01'::bytea || p_previous || p_leaf)
$$;

-- Appends many commands at once, each with an outcome of its own: 'appended', 'known' (it was
-- appended before; answers what it came to then) or 'conflict' (its stream is at another version;
-- nothing of it was written). One lock, one commit and one wake-up for all of them.
CREATE FUNCTION ledger_append(
    p_command_ids uuid[],
    p_fingerprints bytea[],
    p_streams text[],
    p_expected bigint[],      -- the version a stream must have; null: whatever it has
    p_responses bytea[],
    p_names text[],           -- this and the next two: the org's view rows; null: none
    p_states bytea[],
    p_granted text[],
    p_event_commands int[],   -- for each event, the ordinal of its command
    p_event_ids uuid[],
    p_topics text[],
    p_event_states bytea[]
) RETURNS TABLE (
    verdict text, version bigint, first_position bigint, recorded_at timestamptz,
    fingerprint bytea, response bytea, clock timestamptz
)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = ledger, pg_temp
SET plan_cache_mode = force_generic_plan  -- planning again for each call costs half of it
SET enable_seqscan = off  -- a plan that was made while the log was empty must serve a full one
SET enable_hashjoin = off
SET enable_mergejoin = off
SET jit = off  -- what forbidding plans adds to their cost would have every call compiled anew
AS $$
#variable_conflict use_column
DECLARE
    v_head head%ROWTYPE;
    v_now timestamptz;
    v_verdicts text[];
    v_versions bigint[];
    v_previous bigint[];  -- the command before each that is on the same stream
    v_first bigint[];
    v_last bigint[];
    v_positions bigint[] := '{}';
    v_event_versions bigint[] := '{}';
    v_hashes bytea[] := '{}';
    v_kept int[] := '{}';
    v_position bigint;
    v_hash bytea;
    v_micros bigint;
    i int := 1;
BEGIN
    SELECT * INTO STRICT v_head FROM head FOR UPDATE;
    v_now := greatest(clock_timestamp(), v_head.recorded_at);
    v_position := v_head.position;
    v_hash := v_head.hash;
    v_micros := extract(epoch FROM v_now) * 1000000;

    SELECT array_agg(CASE
               WHEN known THEN 'known'
               WHEN repeated OR (expected IS NOT NULL AND (expected <> version OR crowded))
                   THEN 'conflict'
               ELSE 'appended' END ORDER BY ordinal),
           array_agg(version ORDER BY ordinal),
           array_agg(previous ORDER BY ordinal)
      INTO v_verdicts, v_versions, v_previous
      FROM (
        SELECT a.ordinal, a.expected, c.command_id IS NOT NULL AS known,
               coalesce(c.version, s.version, 0) AS version,
               row_number() OVER (PARTITION BY a.command_id ORDER BY a.ordinal) > 1 AS repeated,
               row_number() OVER (PARTITION BY a.stream, c.command_id IS NULL
                                  ORDER BY a.ordinal) > 1 AS crowded,
               lag(a.ordinal) OVER (PARTITION BY a.stream, c.command_id IS NULL
                                    ORDER BY a.ordinal) AS previous
          FROM unnest(p_command_ids, p_streams, p_expected)
               WITH ORDINALITY AS a (command_id, stream, expected, ordinal)
          LEFT JOIN commands c ON c.command_id = a.command_id
          LEFT JOIN LATERAL (
                SELECT e.version FROM events e WHERE e.stream = a.stream
                 ORDER BY e.version DESC LIMIT 1) s ON c.command_id IS NULL
      ) judged;
    v_first := array_fill(NULL::bigint, ARRAY[cardinality(p_command_ids)]);
    v_last := v_first;

    FOR c IN 1 .. cardinality(p_command_ids) LOOP
        -- What this very call appended before on the same stream counts, too.
        v_versions[c] := greatest(v_versions[c], v_versions[v_previous[c]]);
        WHILE p_event_commands[i] = c LOOP
            IF v_verdicts[c] = 'appended' THEN
                v_position := v_position + 1;
                v_first[c] := coalesce(v_first[c], v_position);
                v_last[c] := v_position;
                v_versions[c] := v_versions[c] + 1;
                v_hash := sha256('\x01'::bytea || v_hash || sha256('\x00'::bytea || convert_to(
                    v_position || '|' || p_streams[c] || '|' || v_versions[c] || '|'
                    || p_event_ids[i] || '|' || p_topics[i] || '|' || v_micros || '|', 'UTF8')
                    || p_event_states[i]));
                v_kept := v_kept || i;
                v_positions := v_positions || v_position;
                v_event_versions := v_event_versions || v_versions[c];
                v_hashes := v_hashes || v_hash;
            END IF;
            i := i + 1;
        END LOOP;
    END LOOP;

    IF v_position > v_head.position THEN
        INSERT INTO events (position, stream, version, event_id, topic, state, recorded_at, hash)
        SELECT k.position, p_streams[p_event_commands[k.i]], k.version, p_event_ids[k.i],
               p_topics[k.i], p_event_states[k.i], v_now, k.hash
          FROM unnest(v_kept, v_positions, v_event_versions, v_hashes)
               AS k (i, position, version, hash);
        UPDATE head SET position = v_position, hash = v_hash, recorded_at = v_now;
        PERFORM pg_notify('ledger', v_position::text);
    END IF;

    INSERT INTO current_entitlements AS t (org, name, org_version, position, state)
    SELECT substr(a.stream, 5), a.name, v_versions[a.o], v_last[a.o], a.state
      FROM unnest(p_streams, p_names, p_states) WITH ORDINALITY AS a (stream, name, state, o)
     WHERE a.state IS NOT NULL AND v_last[a.o] IS NOT NULL
    ON CONFLICT (org) DO UPDATE SET name = excluded.name, org_version = excluded.org_version,
        position = excluded.position, state = excluded.state;

    INSERT INTO legacy_enabled_modules AS t (org, org_version, granted)
    SELECT substr(a.stream, 5), v_versions[a.o], a.granted
      FROM unnest(p_streams, p_granted) WITH ORDINALITY AS a (stream, granted, o)
     WHERE a.granted IS NOT NULL AND v_last[a.o] IS NOT NULL
    ON CONFLICT (org) DO UPDATE SET org_version = excluded.org_version, granted = excluded.granted;

    INSERT INTO snapshots (stream, version, state)
    SELECT a.stream, v_versions[a.o], a.state
      FROM unnest(p_streams, p_expected, p_states) WITH ORDINALITY AS a (stream, expected, state, o)
     WHERE a.state IS NOT NULL AND v_last[a.o] IS NOT NULL
       AND v_versions[a.o] / 100 > a.expected / 100;

    INSERT INTO commands (command_id, fingerprint, stream, version, first_position, recorded_at,
                          response)
    SELECT a.command_id, a.fingerprint, a.stream, v_versions[a.o], v_first[a.o], v_now, a.response
      FROM unnest(p_command_ids, p_fingerprints, p_streams, p_responses)
           WITH ORDINALITY AS a (command_id, fingerprint, stream, response, o)
     WHERE v_verdicts[a.o] = 'appended';

    -- A command that was sent twice in this very call is known by now, too.
    RETURN QUERY
    SELECT CASE WHEN c.command_id IS NULL THEN v_verdicts[a.o] ELSE 'known' END,
           coalesce(c.version, v_versions[a.o]),
           coalesce(c.first_position, v_first[a.o]),
           coalesce(c.recorded_at, v_now),
           c.fingerprint,
           c.response,
           v_now
      FROM unnest(p_command_ids) WITH ORDINALITY AS a (command_id, o)
      LEFT JOIN commands c ON v_verdicts[a.o] <> 'appended' AND c.command_id = a.command_id
     ORDER BY a.o;
END
$$;

-- Rewrites inline view rows from a fold of the log; a row that moved on meanwhile is left alone.
CREATE FUNCTION put_views(
    p_orgs text[], p_names text[], p_versions bigint[], p_positions bigint[], p_states bytea[],
    p_granted text[]
) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
    -- No append may come between the look at the log and the rewrite of a row.
    SELECT FROM head FOR UPDATE;
    WITH folded AS (
        SELECT * FROM unnest(p_orgs, p_names, p_versions, p_positions, p_states, p_granted)
            AS f (org, name, version, position, state, granted)
         WHERE NOT EXISTS (SELECT FROM events e
                            WHERE e.stream = 'org-' || f.org AND e.version > f.version)
    ), current AS (
        INSERT INTO current_entitlements AS t (org, name, org_version, position, state)
        SELECT org, name, version, position, state FROM folded
        ON CONFLICT (org) DO UPDATE SET name = excluded.name, org_version = excluded.org_version,
            position = excluded.position, state = excluded.state
         WHERE (t.name, t.org_version, t.position, t.state)
            IS DISTINCT FROM (excluded.name, excluded.org_version, excluded.position, excluded.state)
        RETURNING org
    ), legacy AS (
        INSERT INTO legacy_enabled_modules AS t (org, org_version, granted)
        SELECT org, version, granted FROM folded
        ON CONFLICT (org) DO UPDATE SET org_version = excluded.org_version,
            granted = excluded.granted
         WHERE (t.org_version, t.granted) IS DISTINCT FROM (excluded.org_version, excluded.granted)
        RETURNING org
    )
    SELECT count(*) FROM (SELECT org FROM current UNION SELECT org FROM legacy) AS rewritten
$$;

-- Empties the inline views before a full rebuild: rows of orgs the log does not know go, too.
CREATE FUNCTION drop_strays() RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
    WITH current AS (
        DELETE FROM current_entitlements v
         WHERE NOT EXISTS (SELECT FROM events e WHERE e.stream = 'org-' || v.org) RETURNING org
    ), legacy AS (
        DELETE FROM legacy_enabled_modules v
         WHERE NOT EXISTS (SELECT FROM events e WHERE e.stream = 'org-' || v.org) RETURNING org
    )
    SELECT count(*) FROM (SELECT org FROM current UNION SELECT org FROM legacy) AS dropped
$$;

-- The legacy column of one org at an instant, exactly as the application it came from read it.
CREATE FUNCTION enabled_modules(p_org text, p_at timestamptz DEFAULT clock_timestamp())
RETURNS jsonb LANGUAGE sql STABLE SET search_path = ledger, pg_temp AS $$
    SELECT jsonb_object_agg(upper(m ->> 'key'), (m ->> 'is_active')::boolean AND EXISTS (
               SELECT FROM jsonb_array_elements(v.granted::jsonb -> upper(m ->> 'key')) AS span
                WHERE (span ->> 0)::timestamptz <= p_at
                  AND coalesce(p_at < (span ->> 1)::timestamptz, true)))
           || '{"USERS": true}'
      FROM legacy_enabled_modules v,
           (SELECT convert_from(state, 'UTF8')::jsonb AS published FROM events
             WHERE stream = 'catalog' ORDER BY version DESC LIMIT 1) AS catalog,
           jsonb_array_elements(published -> 'document' -> 'modules') AS m
     WHERE v.org = p_org AND m ->> 'kind' = 'billable'
$$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA ledger FROM PUBLIC;
GRANT SELECT ON events, head, commands, current_entitlements, legacy_enabled_modules, snapshots
    TO ledger_app;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA ledger TO ledger_app;

RESET ROLE;
GRANT SELECT ON alembic_version TO ledger_app;
