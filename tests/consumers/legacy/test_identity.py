"""By what an import is known again."""

from consumers.legacy.identity import command_id, fingerprint
from domain.ids import org_id
from tests.consumers.legacy.rows import row


def test_an_org_has_one_import_command_for_ever() -> None:
    """Released: an org imported by an older version must be found again."""
    assert str(command_id(org_id(42))) == "7417de55-b931-563b-b438-46faa515e663"
    assert command_id(org_id("42")) == command_id(org_id(42)) != command_id(org_id(43))


def test_the_order_of_keys_does_not_change_a_row() -> None:
    one = row(enabled_modules={"crm": True, "erp": False})
    other = dict(reversed(row(enabled_modules={"erp": False, "crm": True}).items()))
    assert fingerprint(one) == fingerprint(other)


def test_any_edit_changes_a_row() -> None:
    """Even one that reads the same."""
    before = fingerprint(row(enabled_modules={"crm": True}))
    assert fingerprint(row(enabled_modules={"crm": "true"})) != before
    assert fingerprint(row(enabled_modules={"crm": True}, name="Other")) != before
