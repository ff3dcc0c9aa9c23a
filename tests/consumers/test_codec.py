"""What kafka-python does to a batch is done by our means, and comes to the same on the wire."""

from collections.abc import Callable
from gzip import decompress
from random import Random

import pytest
from kafka.codec import gzip_decode, gzip_encode
from kafka.record import MemoryRecords, MemoryRecordsBuilder, default_records
from kafka.record._crc32c import crc as crc_in_python
from kafka.record.util import calc_crc32c

from consumers import codec
from consumers.codec import speed_up
from entitlements_sdk.kafka import sums
from entitlements_sdk.kafka.sums import sum_in_c

GZIP = 1


@pytest.fixture(autouse=True)
def the_library_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    """As nobody has sped it up; what a test turns in it is turned back."""
    monkeypatch.setattr(default_records, "calc_crc32c", calc_crc32c)
    monkeypatch.setattr(default_records, "gzip_encode", gzip_encode)
    monkeypatch.setattr(default_records, "gzip_decode", gzip_decode)


def batch() -> bytes:
    """A batch as a producer makes it."""
    builder = MemoryRecordsBuilder(magic=2, compression_type=GZIP, batch_size=1 << 20)
    for number in range(100):
        builder.append(number, b"org", b"a state " * number, [("ce_id", b"%d" % number)])
    builder.close()
    return bytes(builder.buffer())


@pytest.mark.parametrize("size", [0, 1, 7, 1000, 70_001])
@pytest.mark.parametrize("crc32c", [codec.crc32c, sums.crc32c])
def test_the_sum_is_the_one_that_the_library_takes(
    crc32c: Callable[[memoryview], int], size: int
) -> None:
    data = bytearray(Random(size).randbytes(size))
    assert crc32c(memoryview(data)) == crc_in_python(data)


@pytest.mark.parametrize("faster", [speed_up, sum_in_c])
def test_what_is_read_was_summed_by_our_means(
    faster: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And a batch that was damaged is still found out: the library asks us under these names."""
    sent = batch()
    monkeypatch.setattr(default_records, "calc_crc32c", None)  # nobody asks the library's own
    faster()
    for place in (None, 70, len(sent) - 1):
        arrived = bytearray(sent)
        if place is not None:
            arrived[place] ^= 1
        read = MemoryRecords(bytes(arrived)).next_batch()
        assert read.validate_crc() is (place is None)


def test_what_is_sent_is_what_the_library_would_send_but_squeezed_less() -> None:
    """Its own means read it, and find the same in it."""
    theirs = batch()
    speed_up()
    ours = batch()
    head = default_records.DefaultRecordBase.HEADER_STRUCT.size
    assert len(ours) > len(theirs)
    assert decompress(ours[head:]) == decompress(theirs[head:])
    assert MemoryRecords(ours).next_batch().crc == crc_in_python(ours[21:])


def test_what_the_library_sends_is_read_by_our_means(monkeypatch: pytest.MonkeyPatch) -> None:
    sent = batch()
    monkeypatch.setattr(default_records, "gzip_decode", None)  # nobody asks the library's own
    speed_up()
    assert [record.value for record in MemoryRecords(sent).next_batch()][3] == b"a state " * 3
