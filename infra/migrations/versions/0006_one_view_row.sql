-- Both inline views of an org in one row: each row that an append updates costs it a tenth of its
-- time. What the legacy view was as a table it is as a view now.

SET LOCAL ROLE ledger_keeper;
SET LOCAL search_path = ledger;

ALTER TABLE current_entitlements ADD COLUMN granted text;
UPDATE current_entitlements AS c SET granted = l.granted
  FROM legacy_enabled_modules AS l WHERE l.org = c.org;
DO $$
BEGIN
    IF EXISTS (SELECT FROM current_entitlements WHERE granted IS NULL) THEN
        RAISE EXCEPTION 'some organisations have no row of the legacy view'
            USING HINT = 'Run "entitlements views rebuild" of the release before, then migrate.';
    END IF;
END
$$;
ALTER TABLE current_entitlements ALTER COLUMN granted SET NOT NULL;
COMMENT ON COLUMN current_entitlements.granted IS
    'The intervals in which each module is granted and not blocked, as JSON '
    '{KEY: [[from, until or null], ...]}; enabled_modules() reads it at an instant.';

DROP TABLE legacy_enabled_modules;
CREATE VIEW legacy_enabled_modules AS SELECT org, org_version, granted FROM current_entitlements;
COMMENT ON VIEW legacy_enabled_modules IS 'Inline view: the legacy column of each org.';

-- As it was (0001), but for the one view row that a command writes.
CREATE OR REPLACE FUNCTION ledger_append(
    p_command_ids uuid[],
    p_fingerprints bytea[],
    p_streams text[],
    p_expected bigint[],      -- the version a stream must have; null: whatever it has
    p_responses bytea[],
    p_names text[],           -- this and the next two: the org's view row; null: none
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

    -- The view row of a command's org is written when the command wrote an event.
    IF p_states IS NOT NULL THEN
        INSERT INTO current_entitlements (org, name, org_version, position, state, granted)
        SELECT substr(p_streams[o], 5), p_names[o], versions[o], v_last[o], p_states[o],
               p_granted[o]
          FROM generate_series(1, v_commands) AS o
         WHERE p_states[o] IS NOT NULL AND v_last[o] IS NOT NULL
        ON CONFLICT (org) DO UPDATE SET name = excluded.name, org_version = excluded.org_version,
            position = excluded.position, state = excluded.state, granted = excluded.granted;
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
CREATE OR REPLACE FUNCTION put_views(
    p_orgs text[], p_names text[], p_versions bigint[], p_positions bigint[], p_states bytea[],
    p_granted text[]
) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
    -- No append may come between the look at the log and the rewrite of a row.
    SELECT FROM head FOR UPDATE;
    WITH rewritten AS (
        INSERT INTO current_entitlements AS t (org, name, org_version, position, state, granted)
        SELECT f.* FROM unnest(p_orgs, p_names, p_versions, p_positions, p_states, p_granted)
            AS f (org, name, version, position, state, granted)
         WHERE NOT EXISTS (SELECT FROM events e
                            WHERE e.stream = 'org-' || f.org AND e.version > f.version)
        ON CONFLICT (org) DO UPDATE SET name = excluded.name, org_version = excluded.org_version,
            position = excluded.position, state = excluded.state, granted = excluded.granted
         WHERE (t.name, t.org_version, t.position, t.state, t.granted) IS DISTINCT FROM
               (excluded.name, excluded.org_version, excluded.position, excluded.state,
                excluded.granted)
        RETURNING org
    )
    SELECT count(*) FROM rewritten
$$;

-- Empties the inline views before a full rebuild: rows of orgs the log does not know go, too.
CREATE OR REPLACE FUNCTION drop_strays() RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
    WITH dropped AS (
        DELETE FROM current_entitlements v
         WHERE NOT EXISTS (SELECT FROM events e WHERE e.stream = 'org-' || v.org) RETURNING org
    )
    SELECT count(*) FROM dropped
$$;

-- The legacy column of one org at an instant, exactly as the application it came from read it.
CREATE OR REPLACE FUNCTION enabled_modules(p_org text, p_at timestamptz DEFAULT clock_timestamp())
RETURNS jsonb LANGUAGE sql STABLE SET search_path = ledger, pg_temp AS $$
    SELECT jsonb_object_agg(upper(m ->> 'key'), (m ->> 'is_active')::boolean AND EXISTS (
               SELECT FROM jsonb_array_elements(v.granted::jsonb -> upper(m ->> 'key')) AS span
                WHERE (span ->> 0)::timestamptz <= p_at
                  AND coalesce(p_at < (span ->> 1)::timestamptz, true)))
           || '{"USERS": true}'
      FROM current_entitlements v,
           (SELECT convert_from(state, 'UTF8')::jsonb AS published FROM events
             WHERE stream = 'catalog' ORDER BY version DESC LIMIT 1) AS catalog,
           jsonb_array_elements(published -> 'document' -> 'modules') AS m
     WHERE v.org = p_org AND m ->> 'kind' = 'billable'
$$;

GRANT SELECT ON legacy_enabled_modules TO ledger_app;

RESET ROLE;
