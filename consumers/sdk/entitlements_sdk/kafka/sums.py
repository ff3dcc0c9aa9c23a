"""The sum (CRC-32C) that every batch of records carries, taken by a library of C.

kafka-python takes it in Python, a millisecond for the state of one org, unless it finds the package
`crc32c`, whose licence is not everybody's.
"""

from google_crc32c import implementation, value
from kafka.record import default_records


def sum_in_c() -> None:
    """Have kafka-python's clients in this process do so; to say it again changes nothing.

    Nothing happens where the library came without its C, or kafka-python has moved its sum.
    """
    if implementation == "c" and hasattr(default_records, "calc_crc32c"):
        default_records.calc_crc32c = crc32c


def crc32c(data: memoryview) -> int:
    """The sum of some bytes."""
    return int(value(bytes(data)))
