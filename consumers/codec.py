"""What kafka-python does to the bytes of every batch, by faster means.

It sums them (CRC-32C) in Python, some tenths of a microsecond a byte, unless it finds the package
`crc32c`, whose licence is not ours to ask of anybody; and it takes as long as it can over gzip.
"""

from google_crc32c import value
from isal import igzip
from kafka.record import default_records

QUICKLY = 1  # gzip's level


def speed_up() -> None:
    """Have the producers and consumers of this process do so; to say it again changes nothing."""
    default_records.calc_crc32c = crc32c
    default_records.gzip_encode = _gzip
    default_records.gzip_decode = igzip.decompress


def crc32c(data: memoryview) -> int:
    """The sum of some bytes."""
    return int(value(bytes(data)))  # it takes nothing that could be written to meanwhile


def _gzip(data: bytes) -> bytes:
    return igzip.compress(data, QUICKLY, mtime=0)
