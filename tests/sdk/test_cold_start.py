"""Starting while the ledger is away: a signed file serves as last known good, or is refused."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from entitlements_sdk import Entitlements, SignedFile, SnapshotRefused
from tests.sdk.conftest import ClientOf
from tests.sdk.ledger import SmallLedger
from tests.sdk.serving import Served
from tests.sdk.waiting import eventually

pytestmark = pytest.mark.anyio
KEY = b"a key of this deployment alone"
NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
def file(tmp_path: Path) -> SignedFile:
    return SignedFile(tmp_path / "entitlements", key=KEY)


async def restarted(file: SignedFile, **options: Any) -> Entitlements:
    """A client that starts while the ledger is away."""
    entitlements = Entitlements(NOWHERE, token="t", file=file, **options)
    await entitlements.start()
    return entitlements


async def filled(file: SignedFile, client: ClientOf, **options: Any) -> None:
    """What a client knew of org 42 is in the file."""
    entitlements = await client(file=file, **options)
    assert await entitlements.allowed(42, "crm")
    await entitlements.close()


async def test_what_was_known_serves_on_after_a_restart(file: SignedFile, client: ClientOf) -> None:
    """Marked stale; what the file does not know nobody can tell; exempt keys need nothing."""
    await filled(file, client)
    async with await restarted(file) as entitlements:
        known = await entitlements.check(42, "CRM.Lead_Management")
        assert (known.allowed, known.stale, known.org_version) == (True, True, 1)
        denied = await entitlements.check(42, "manufacturing")
        assert (denied.denied_by, denied.stale) == ("not_granted", True)
        assert (await entitlements.check(7, "crm")).unavailable
        assert (await entitlements.check(7, "email")).code == "exempt"
        assert await entitlements.require_keys({"crm": ["a route"]})


async def test_the_ledger_takes_over_as_soon_as_it_answers(
    file: SignedFile, client: ClientOf, ledger: SmallLedger, served: Served
) -> None:
    await filled(file, client)
    ledger.set(42, crm="disabled")
    entitlements = await client(file=file)
    assert (await entitlements.check(42, "crm")).denied_by == "not_granted"


async def test_a_boundary_ends_it_on_disk_as_well(
    file: SignedFile, client: ClientOf, ledger: SmallLedger
) -> None:
    ledger.set(42, crm="trial")
    ledger.boundaries["42"] = ledger.now() + 0.5
    await filled(file, client)
    async with await restarted(file) as entitlements:
        await eventually(lambda: time.time() > ledger.boundaries["42"], "the boundary")
        assert (await entitlements.check(42, "crm")).unavailable


async def test_a_file_that_is_too_old_is_refused(file: SignedFile, client: ClientOf) -> None:
    await filled(file, client)
    with pytest.raises(SnapshotRefused, match="old"):
        file.read(now=time.time() + 301, oldest_seconds=300)
    with pytest.raises(SnapshotRefused, match="old"):
        file.read(now=time.time() - 3600, oldest_seconds=300)
    async with await restarted(file, stale_seconds=0.0) as entitlements:
        assert (await entitlements.check(42, "crm")).unavailable


@pytest.mark.parametrize(
    "tampered",
    [
        lambda text: text.replace(b'"crm":"enabled"', b'"crm":"trial"', 1),
        lambda text: text.replace(b'"manufacturing":"disabled"', b'"manufacturing":"enabled"', 1),
        lambda text: text[:-1],
        lambda text: text.partition(b"\n")[2],
        lambda text: b"",
    ],
)
async def test_a_file_that_was_tampered_with_is_refused(
    file: SignedFile, client: ClientOf, tampered: Any
) -> None:
    await filled(file, client)
    before = file.path.read_bytes()
    file.path.write_bytes(tampered(before))
    assert file.path.read_bytes() != before
    async with await restarted(file) as entitlements:
        assert (await entitlements.check(42, "crm")).unavailable
        assert entitlements.catalog is None


async def test_another_key_signs_another_file(file: SignedFile, client: ClientOf) -> None:
    await filled(file, client)
    with pytest.raises(SnapshotRefused, match="signed"):
        SignedFile(file.path, key=b"somebody else's key").read(now=time.time(), oldest_seconds=300)
    with pytest.raises(ValueError, match="16 bytes"):
        SignedFile(file.path, key=b"short")


async def test_the_file_is_for_its_owner_alone_and_replaced_in_one_step(
    file: SignedFile, client: ClientOf
) -> None:
    await filled(file, client)
    await filled(file, client)
    assert file.path.stat().st_mode & 0o077 == 0
    assert [path.name for path in file.path.parent.iterdir()] == [file.path.name]
    assert json.loads(file.path.read_bytes().partition(b"\n")[2])["format"] == 1


async def test_a_missing_directory_is_no_reason_not_to_start(
    tmp_path: Path, client: ClientOf
) -> None:
    file = SignedFile(tmp_path / "nowhere" / "file", key=KEY)
    await filled(file, client)
    async with await restarted(file) as entitlements:
        assert (await entitlements.check(42, "crm")).unavailable
