-- The relay's cursor, which only the holder of its fence moves, and the ledger's epoch.

SET LOCAL ROLE ledger_keeper;
SET LOCAL search_path = ledger;

CREATE TABLE relay (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    fence bigint NOT NULL,
    holder uuid NOT NULL,
    held_until timestamptz NOT NULL,
    position bigint NOT NULL,
    republished text COLLATE "C",
    records jsonb NOT NULL
) WITH (fillfactor = 10);
COMMENT ON TABLE relay IS
    'One row: up to which position the broker has acknowledged events; the last acknowledged '
    'record of each partition; the last org whose state was published again (null: nothing is '
    'being published again). The fence rises with every new holder.';

-- Takes or keeps the relay for p_seconds; no row where another holder has it.
CREATE FUNCTION relay_take(p_holder uuid, p_seconds double precision)
RETURNS TABLE (fence bigint, "position" bigint, republished text, records jsonb)
LANGUAGE sql SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
    INSERT INTO relay AS r (fence, holder, held_until, position, republished, records)
    VALUES (1, p_holder, clock_timestamp() + make_interval(secs => p_seconds), 0, NULL, '{}')
    ON CONFLICT (one) DO UPDATE SET
        fence = r.fence + (r.holder <> excluded.holder)::int, holder = excluded.holder,
        held_until = excluded.held_until
     WHERE r.holder = excluded.holder OR r.held_until < clock_timestamp()
    RETURNING r.fence, r.position, r.republished, r.records
$$;

-- Notes what the broker has acknowledged and keeps the relay; false for one that lost its fence.
CREATE FUNCTION relay_advance(
    p_holder uuid, p_fence bigint, p_seconds double precision, p_position bigint,
    p_republished text, p_records jsonb
) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
BEGIN
    -- Whoever goes on from an older row sends again what was acknowledged: nothing is lost by it.
    PERFORM set_config('synchronous_commit', 'off', true);
    UPDATE relay SET position = p_position, republished = p_republished, records = p_records,
           held_until = clock_timestamp() + make_interval(secs => p_seconds)
     WHERE holder = p_holder AND fence = p_fence;
    RETURN FOUND;
END
$$;

-- Lets go, so that another may take it at once.
CREATE FUNCTION relay_release(p_holder uuid, p_fence bigint) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
    UPDATE relay SET held_until = '-infinity' WHERE holder = p_holder AND fence = p_fence
$$;

-- A new epoch: whoever holds anything of the ledger starts over, and the relay publishes every
-- org again, and the events after p_position. No effect when somebody else was first.
CREATE FUNCTION begin_epoch(p_from integer, p_position bigint) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
DECLARE
    v_epoch integer;
BEGIN
    UPDATE head SET epoch = epoch + 1 WHERE epoch = p_from RETURNING epoch INTO v_epoch;
    IF FOUND THEN
        INSERT INTO relay AS r (fence, holder, held_until, position, republished, records)
        VALUES (1, gen_random_uuid(), '-infinity', p_position, '', '{}')
        ON CONFLICT (one) DO UPDATE SET
            fence = r.fence + 1, held_until = excluded.held_until,
            position = excluded.position, republished = '', records = '{}';
        PERFORM pg_notify('ledger', 'epoch ' || v_epoch);
    ELSE
        SELECT epoch INTO v_epoch FROM head;
    END IF;
    RETURN v_epoch;
END
$$;

REVOKE ALL ON FUNCTION relay_take, relay_advance, relay_release, begin_epoch FROM PUBLIC;
GRANT SELECT ON relay TO ledger_app;
GRANT EXECUTE ON FUNCTION relay_take, relay_advance, relay_release, begin_epoch TO ledger_app;
RESET ROLE;
