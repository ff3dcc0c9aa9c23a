"""What is written is written whole, or it is said that it was not."""

import os

import pytest

from infra.postgres.locks import write_whole


def test_what_is_taken_in_part_is_no_success() -> None:
    """As a disk that fills up does it: the first write takes what there is room for."""
    reading, writing = os.pipe()
    try:
        os.set_blocking(writing, False)
        with pytest.raises(BlockingIOError):
            write_whole(writing, bytes(1 << 20))
    finally:
        os.close(reading)
        os.close(writing)
