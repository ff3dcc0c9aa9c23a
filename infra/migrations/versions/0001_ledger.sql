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
) WITH (fillfactor = 50);  -- room for a row's next version beside it: fewer pages in the end
COMMENT ON TABLE current_entitlements IS 'Inline view: what the facts of each org add up to.';

CREATE TABLE legacy_enabled_modules (
    org text COLLATE "C" PRIMARY KEY,
    org_version bigint NOT NULL,
    granted text NOT NULL
) WITH (fillfactor = 50);
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
--
-- The parameters are columns: an element for each command and, from p_event_commands on, one for
-- each event in the order of their commands. A column that holds nothing but nulls may itself be
-- null. The answer is one row of such columns.
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
    p_event_states bytea[],
    OUT clock timestamptz,    -- when that which is new was recorded
    OUT verdicts text[],
    OUT versions bigint[],
    OUT first_positions bigint[],
    OUT known_at timestamptz[],  -- this and the next two: of known commands, null: there is none
    OUT known_fingerprints bytea[],
    OUT known_responses bytea[]
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
    v_commands int := cardinality(p_command_ids);
    v_tangled boolean;     -- some command is known, or shares its id or its stream with another
    v_first int[];         -- if so, of each command: the first one with the same id,
    v_previous int[];      -- the one before it on the same stream, of those that are not known,
    v_reached bigint[];    -- the version of its stream once it was done,
    v_then bigint[];       -- and the version that it came to when it is known
    v_last bigint[];       -- of each command: the position of its last event; null: nothing written
    v_positions bigint[];  -- of each event, like the next two; null: it is not written
    v_event_versions bigint[];
    v_hashes bytea[];
    v_position bigint;
    v_before bigint;
    v_version bigint;
    v_hash bytea;
    v_micros bigint;
    v_snapshots boolean := false;
    i int := 1;
BEGIN
    SELECT * INTO STRICT v_head FROM head FOR UPDATE;
    clock := greatest(clock_timestamp(), v_head.recorded_at);
    v_micros := extract(epoch FROM clock) * 1000000;
    v_position := v_head.position;
    v_hash := v_head.hash;

    SELECT ARRAY(SELECT coalesce((SELECT e.version FROM events e WHERE e.stream = p_streams[o]
                                   ORDER BY e.version DESC LIMIT 1), 0)
                   FROM generate_series(1, v_commands) AS o),
           EXISTS (SELECT FROM commands WHERE command_id = ANY (p_command_ids))
               OR (SELECT count(DISTINCT id) FROM unnest(p_command_ids) AS id) < v_commands
               OR (SELECT count(DISTINCT stream) FROM unnest(p_streams) AS stream) < v_commands
      INTO versions, v_tangled;
    first_positions := array_fill(NULL::bigint, ARRAY[v_commands]);
    IF v_tangled THEN
        SELECT array_agg(recorded_at ORDER BY o), array_agg(fingerprint ORDER BY o),
               array_agg(response ORDER BY o), array_agg(version ORDER BY o),
               array_agg(first_position ORDER BY o), array_agg(nullif(first, o) ORDER BY o),
               array_agg(CASE WHEN recorded_at IS NULL THEN previous END ORDER BY o)
          INTO known_at, known_fingerprints, known_responses, v_then, first_positions, v_first,
               v_previous
          FROM (SELECT a.o, k.recorded_at, k.fingerprint, k.response, k.version, k.first_position,
                       min(a.o) OVER (PARTITION BY a.command_id) AS first,
                       lag(a.o) OVER (PARTITION BY a.stream, k.command_id IS NULL
                                      ORDER BY a.o) AS previous
                  FROM unnest(p_command_ids, p_streams) WITH ORDINALITY AS a (command_id, stream, o)
                  LEFT JOIN commands k ON k.command_id = a.command_id) AS seen;
    END IF;

    verdicts := array_fill('appended'::text, ARRAY[v_commands]);
    v_last := array_fill(NULL::bigint, ARRAY[v_commands]);
    v_reached := v_last;
    v_positions := array_fill(NULL::bigint, ARRAY[cardinality(p_event_ids)]);
    v_event_versions := v_positions;
    v_hashes := array_fill(NULL::bytea, ARRAY[cardinality(p_event_ids)]);
    FOR c IN 1 .. v_commands LOOP
        v_version := versions[c];
        IF v_tangled THEN
            -- What this very call appended before on the same stream counts, too.
            v_version := greatest(v_version, v_reached[v_previous[c]]);
            verdicts[c] := CASE
                WHEN known_at[c] IS NOT NULL OR verdicts[v_first[c]] = 'appended' THEN 'known'
                WHEN v_first[c] IS NOT NULL OR p_expected[c] <> v_version
                     OR p_expected[c] IS NOT NULL AND v_previous[c] IS NOT NULL THEN 'conflict'
                ELSE 'appended' END;
        ELSIF p_expected[c] <> v_version THEN
            verdicts[c] := 'conflict';
        END IF;

        v_before := v_position;
        WHILE p_event_commands[i] = c LOOP
            IF verdicts[c] = 'appended' THEN
                v_position := v_position + 1;
                v_version := v_version + 1;
                v_hash := sha256('\x01'::bytea || v_hash || sha256('\x00'::bytea || convert_to(
                    v_position || '|' || p_streams[c] || '|' || v_version || '|'
                    || p_event_ids[i] || '|' || p_topics[i] || '|' || v_micros || '|', 'UTF8')
                    || p_event_states[i]));
                v_positions[i] := v_position;
                v_event_versions[i] := v_version;
                v_hashes[i] := v_hash;
            END IF;
            i := i + 1;
        END LOOP;
        IF v_position > v_before THEN
            v_last[c] := v_position;
            first_positions[c] := v_before + 1;
            v_snapshots := v_snapshots OR v_version / 100 > p_expected[c] / 100;
        END IF;

        versions[c] := v_version;
        IF v_tangled THEN
            v_reached[c] := v_version;
            IF known_at[c] IS NOT NULL THEN
                versions[c] := v_then[c];
            ELSIF verdicts[c] = 'known' THEN
                versions[c] := versions[v_first[c]];
                first_positions[c] := first_positions[v_first[c]];
                known_at[c] := clock;
                known_fingerprints[c] := p_fingerprints[v_first[c]];
                known_responses[c] := p_responses[v_first[c]];
            END IF;
        END IF;
    END LOOP;

    IF v_position > v_head.position THEN
        INSERT INTO events (position, stream, version, event_id, topic, state, recorded_at, hash)
        SELECT v_positions[e], p_streams[p_event_commands[e]], v_event_versions[e], p_event_ids[e],
               p_topics[e], p_event_states[e], clock, v_hashes[e]
          FROM generate_series(1, cardinality(p_event_ids)) AS e
         WHERE v_positions[e] IS NOT NULL;
        UPDATE head SET position = v_position, hash = v_hash, recorded_at = clock;
        PERFORM pg_notify('ledger', v_position::text);
    END IF;

    -- The view rows of a command are written when it wrote an event.
    IF p_states IS NOT NULL THEN
        INSERT INTO current_entitlements AS t (org, name, org_version, position, state)
        SELECT substr(p_streams[o], 5), p_names[o], versions[o], v_last[o], p_states[o]
          FROM generate_series(1, v_commands) AS o
         WHERE p_states[o] IS NOT NULL AND v_last[o] IS NOT NULL
        ON CONFLICT (org) DO UPDATE SET name = excluded.name, org_version = excluded.org_version,
            position = excluded.position, state = excluded.state;
    END IF;
    IF p_granted IS NOT NULL THEN
        INSERT INTO legacy_enabled_modules AS t (org, org_version, granted)
        SELECT substr(p_streams[o], 5), versions[o], p_granted[o]
          FROM generate_series(1, v_commands) AS o
         WHERE p_granted[o] IS NOT NULL AND v_last[o] IS NOT NULL
        ON CONFLICT (org) DO UPDATE SET org_version = excluded.org_version,
            granted = excluded.granted;
    END IF;
    IF v_snapshots THEN
        INSERT INTO snapshots (stream, version, state)
        SELECT p_streams[o], versions[o], p_states[o]
          FROM generate_series(1, v_commands) AS o
         WHERE p_states[o] IS NOT NULL AND v_last[o] IS NOT NULL
           AND versions[o] / 100 > p_expected[o] / 100;
    END IF;

    INSERT INTO commands (command_id, fingerprint, stream, version, first_position, recorded_at,
                          response)
    SELECT p_command_ids[o], p_fingerprints[o], p_streams[o], versions[o], first_positions[o], clock,
           p_responses[o]
      FROM generate_series(1, v_commands) AS o
     WHERE verdicts[o] = 'appended';
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
