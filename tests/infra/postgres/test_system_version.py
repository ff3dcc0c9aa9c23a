"""The oldest supported PostgreSQL, from the system's packages, does the same as the wheel's."""

import os
import signal
from pathlib import Path

import pytest

from infra.postgres import EmbeddedPostgres
from infra.postgres.binaries import Binaries
from infra.postgres.errors import OtherMajorVersion
from tests.infra.postgres.conftest import Hold
from tests.infra.postgres.world import (
    eventually,
    is_over,
    postmaster_pid,
    run_sql,
    setting,
    value,
)

FIFTEEN = Path("/usr/lib/postgresql/15/bin")

pytestmark = pytest.mark.skipif(
    not (FIFTEEN / "initdb").exists(), reason="the system has no PostgreSQL 15"
)


def test_postgresql_15_is_made_killed_and_left_like_the_wheel(
    new_dir: Path, hold: Hold, binaries: Binaries
) -> None:
    held = hold(new_dir, bin_dir=FIFTEEN)
    assert str(setting(held.owner_url, "server_version")).startswith("15.")
    assert setting(held.owner_url, "data_checksums") == "on"
    words = "SELECT string_agg(w, '' ORDER BY w) FROM unnest(ARRAY['b', 'B', 'ä', 'a', '_']) w"
    assert value(held.app_url, words) == "B_abä"

    run_sql(held.owner_url, "CREATE TABLE kept AS SELECT 7 AS n")
    os.kill(postmaster_pid(new_dir), signal.SIGKILL)
    held.ensure()
    assert value(held.owner_url, "SELECT n FROM kept") == 7

    held.release()
    eventually(lambda: is_over(new_dir))
    if binaries.major != 15:
        with pytest.raises(OtherMajorVersion, match="made by PostgreSQL 15"):
            EmbeddedPostgres.hold(new_dir, bin_dir=binaries.bin_dir)
    assert value(hold(new_dir, bin_dir=FIFTEEN).owner_url, "SELECT n FROM kept") == 7
