-- What was watched of decisions. It is evidence, not history: no fact rests on it, it is written
-- in batches beside the log, and it is forgotten after some weeks.

SET LOCAL ROLE ledger_keeper;
SET LOCAL search_path = ledger;

CREATE TABLE denials_seen (
    org text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL,
    day date NOT NULL,
    enforced boolean NOT NULL,
    denied_by text COLLATE "C" NOT NULL,
    legacy boolean,
    uses bigint NOT NULL,
    last_use timestamptz NOT NULL,
    PRIMARY KEY (org, key, day, enforced)
);
COMMENT ON TABLE denials_seen IS
    'Uses of a key that were denied (enforced) or would have been, a row a day; legacy: what the '
    'legacy view said of its module at the last use (null: it has no such organisation).';
CREATE INDEX denials_seen_by_day ON denials_seen (day);

CREATE TABLE rollout_watched (
    rollout_version bigint NOT NULL,
    hour timestamptz NOT NULL,
    checks bigint NOT NULL,
    unexpected bigint NOT NULL,
    answers bigint NOT NULL,
    seconds double precision NOT NULL,
    PRIMARY KEY (rollout_version, hour)
);
COMMENT ON TABLE rollout_watched IS
    'Sums of decisions by the version of the rollout they were made by and the hour they were '
    'kept in: those that were gated or '
    'watched, those denied (or that would have been) against the legacy view, and the answers of '
    'the check route with the seconds they took.';

-- Adds what one process saw; tells what the legacy view says of each denial, in their order.
CREATE FUNCTION keep_watched(
    p_versions bigint[], p_checks bigint[], p_answers bigint[], p_seconds double precision[],
    p_of bigint[], p_orgs text[], p_keys text[], p_enforced boolean[], p_denied_by text[],
    p_uses bigint[], p_last timestamptz[]
) RETURNS boolean[]
LANGUAGE plpgsql SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
DECLARE
    v_legacy boolean[];
BEGIN
    PERFORM set_config('synchronous_commit', 'off', true);
    SELECT array_agg(CASE WHEN v.org IS NOT NULL THEN EXISTS (
               SELECT FROM jsonb_array_elements(
                          v.granted::jsonb -> upper(split_part(d.key, '.', 1))) AS span
                WHERE (span ->> 0)::timestamptz <= d.at
                  AND coalesce(d.at < (span ->> 1)::timestamptz, true)) END ORDER BY d.place)
      INTO v_legacy
      FROM unnest(p_orgs, p_keys, p_last) WITH ORDINALITY AS d (org, key, at, place)
      LEFT JOIN legacy_enabled_modules v ON v.org = d.org;
    INSERT INTO denials_seen AS s
        SELECT DISTINCT ON (org, key, day, enforced) org, key, day, enforced, denied_by, legacy,
               sum(uses) OVER same, last_use
          FROM (SELECT d.org, d.key, (d.at AT TIME ZONE 'UTC')::date AS day, d.enforced,
                       d.denied_by, d.legacy, d.uses, d.at AS last_use
                  FROM unnest(p_orgs, p_keys, p_enforced, p_denied_by, v_legacy, p_uses, p_last)
                       AS d (org, key, enforced, denied_by, legacy, uses, at)) AS seen
        WINDOW same AS (PARTITION BY org, key, day, enforced)
         ORDER BY org, key, day, enforced, last_use DESC
    ON CONFLICT (org, key, day, enforced) DO UPDATE SET
        uses = s.uses + excluded.uses,
        denied_by = CASE WHEN excluded.last_use >= s.last_use
                         THEN excluded.denied_by ELSE s.denied_by END,
        legacy = CASE WHEN excluded.last_use >= s.last_use
                      THEN excluded.legacy ELSE s.legacy END,
        last_use = greatest(s.last_use, excluded.last_use);
    INSERT INTO rollout_watched AS w
        SELECT n.version, date_trunc('hour', clock_timestamp(), 'UTC'), n.checks,
               coalesce((SELECT sum(d.uses) FROM unnest(p_of, v_legacy, p_uses)
                                                 AS d (version, legacy, uses)
                          WHERE d.version = n.version AND d.legacy), 0),
               n.answers, n.seconds
          FROM unnest(p_versions, p_checks, p_answers, p_seconds)
               AS n (version, checks, answers, seconds)
         ORDER BY n.version
    ON CONFLICT (rollout_version, hour) DO UPDATE SET
        checks = w.checks + excluded.checks,
        unexpected = w.unexpected + excluded.unexpected,
        answers = w.answers + excluded.answers,
        seconds = w.seconds + excluded.seconds;
    RETURN coalesce(v_legacy, '{}');
END
$$;

-- Forgets the denials of the days before one.
CREATE FUNCTION forget_denials(p_before date) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
    DELETE FROM denials_seen WHERE day < p_before
$$;

REVOKE ALL ON FUNCTION keep_watched, forget_denials FROM PUBLIC;
GRANT SELECT ON denials_seen, rollout_watched TO ledger_app;
GRANT EXECUTE ON FUNCTION keep_watched, forget_denials TO ledger_app;
RESET ROLE;
