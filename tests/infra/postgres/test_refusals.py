"""What cannot be a server says why, and what to do, and changes nothing."""

import os
import stat
from pathlib import Path

import pytest

from infra.postgres import EmbeddedPostgres
from infra.postgres.address import socket_dir
from infra.postgres.binaries import Binaries
from infra.postgres.errors import (
    BinariesNotFound,
    DirectoryNotOurs,
    OtherMajorVersion,
    StartFailed,
    UnsafeSocketDirectory,
    from_line,
    to_line,
)
from infra.postgres.layout import Layout
from tests.infra.postgres.world import copy


def test_a_directory_of_another_major_version_is_refused(own_dir: Path, binaries: Binaries) -> None:
    (own_dir / "pg/data/PG_VERSION").write_text("14\n")
    with pytest.raises(OtherMajorVersion, match="LEDGER_PG_BIN to the binaries of PostgreSQL 14"):
        EmbeddedPostgres.hold(own_dir, bin_dir=binaries.bin_dir)


def test_a_directory_that_holds_something_else_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("my only copy")
    mode = tmp_path.stat().st_mode
    with pytest.raises(DirectoryNotOurs, match="not empty"):
        EmbeddedPostgres.hold(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
    assert tmp_path.stat().st_mode == mode


def test_a_file_is_no_data_directory(tmp_path: Path) -> None:
    (tmp_path / "db").write_text("")
    with pytest.raises(DirectoryNotOurs):
        EmbeddedPostgres.hold(tmp_path / "db")


def test_a_marker_that_is_a_symlink_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "db").mkdir()
    (tmp_path / "db/ledger-postgres").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DirectoryNotOurs):
        EmbeddedPostgres.hold(tmp_path / "db")
    assert not (tmp_path / "elsewhere").exists()


def test_a_place_without_binaries_is_named_and_no_other_is_taken(
    tmp_path: Path, own_dir: Path
) -> None:
    with pytest.raises(BinariesNotFound, match=str(tmp_path)) as caught:
        EmbeddedPostgres.hold(own_dir, bin_dir=tmp_path)
    assert "LEDGER_PG_BIN" in str(caught.value)


def test_postgresql_14_is_too_old(tmp_path: Path, own_dir: Path) -> None:
    for name in ("postgres", "initdb"):
        (tmp_path / name).write_text("#!/bin/sh\necho 'postgres (PostgreSQL) 14.9'\n")
        (tmp_path / name).chmod(0o755)
    with pytest.raises(BinariesNotFound, match="15 is the oldest"):
        EmbeddedPostgres.hold(own_dir, bin_dir=tmp_path)


def test_a_server_that_cannot_start_shows_the_end_of_its_log(own_dir: Path) -> None:
    (own_dir / "pg/data/global/pg_control").unlink()
    with pytest.raises(StartFailed, match="pg_control"):
        EmbeddedPostgres.hold(own_dir)


def test_a_symlink_in_the_place_of_the_short_address_is_refused(
    tmp_path: Path, template: Path
) -> None:
    own_dir = copy(template, tmp_path / ("long" * 25))
    address = socket_dir(Layout(own_dir))
    (tmp_path / "trap").mkdir()
    address.symlink_to(tmp_path / "trap")
    try:
        with pytest.raises(UnsafeSocketDirectory):
            EmbeddedPostgres.hold(own_dir)
        assert not list((tmp_path / "trap").iterdir())
    finally:
        address.unlink()


def test_a_short_address_that_is_open_to_others_is_refused(tmp_path: Path, template: Path) -> None:
    own_dir = copy(template, tmp_path / ("long" * 25))
    owner = (own_dir / "pg").stat()
    address = socket_dir(Layout(own_dir))
    address.mkdir()
    address.chmod(0o777)
    os.chown(address, owner.st_uid, owner.st_gid)
    try:
        with pytest.raises(UnsafeSocketDirectory, match="open to others"):
            EmbeddedPostgres.hold(own_dir)
        assert stat.S_IMODE(address.stat().st_mode) == 0o777
    finally:
        address.rmdir()


def test_an_error_arrives_whole_from_the_supervisor() -> None:
    error = OtherMajorVersion("/data", "14", 18, "/bin")
    arrived = from_line(to_line(error))
    assert isinstance(arrived, OtherMajorVersion)
    assert str(arrived) == str(error)
