"""What counts as true, false and never set."""

from typing import Any

import pytest

from consumers.legacy.truth import Truth, truth

TRUE = [True, 1, "1", "true", "TRUE", "True", "yes", "Yes", "on", "ON", "enabled", "Enabled"]
FALSE = [False, 0, "0", "false", "FALSE", "False", "no", "No", "off", "OFF", "disabled"]
NEITHER = ["maybe", "truee", " true", "on ", " ", "y", "2", 2, -1, 1.0, 0.0, 0.5, [], {}, [True]]


@pytest.mark.parametrize("value", TRUE)
def test_words_and_numbers_that_are_true(value: Any) -> None:
    assert truth(value) is Truth.TRUE


@pytest.mark.parametrize("value", FALSE)
def test_words_and_numbers_that_are_false(value: Any) -> None:
    assert truth(value) is Truth.FALSE


@pytest.mark.parametrize("value", [None, ""])
def test_null_and_the_empty_text_were_never_set(value: Any) -> None:
    assert truth(value) is Truth.UNSET


@pytest.mark.parametrize("value", NEITHER)
def test_everything_else_is_no_truth_value(value: Any) -> None:
    """A blank counts, and 1.0 is not what the legacy application wrote."""
    assert truth(value) is None
