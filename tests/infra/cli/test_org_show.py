"""`org show` and `org list`: where organisations stand, and what to do where there is nothing."""

from datetime import UTC, datetime, timedelta

from infra.cli.org.page import left
from tests.infra.cli.shell import REASON, Shell

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


def test_an_org_with_nothing_is_told_what_to_do_next(shell: Shell) -> None:
    org = shell.new_org()
    said = shell("org", "show", org).stdout
    assert "No module is enabled." in said
    assert f"entitlements org grant {org} --key crm" in said


def test_modules_stand_with_their_sources_and_their_end(shell: Shell) -> None:
    org = shell.new_org()
    until = datetime.now(UTC) + timedelta(days=9, hours=1)
    shell.command(org, "trial", "start", key="crm", until=until.isoformat())
    shell.command(org, "grant", key="erp", source="plan:gold@3")

    said = shell("org", "show", org).stdout

    (crm,) = [line.split() for line in said.splitlines() if line.startswith("crm ")]
    assert crm[:3] == ["crm", "trial", "trial"]
    assert crm[-2:] == ["9", "days"]
    (erp,) = [line.split() for line in said.splitlines() if line.startswith("erp ")]
    assert erp == ["erp", "enabled", "plan:gold@3"]
    assert not [line for line in said.splitlines() if line.startswith("hr ")]


def test_all_shows_disabled_modules_and_why(shell: Shell) -> None:
    org = shell.new_org()
    shell.command(org, "grant", key="crm")
    shell.command(org, "revoke", key="crm")
    said = shell("org", "show", org, "--all").stdout
    (crm,) = [line.split() for line in said.splitlines() if line.startswith("crm ")]
    assert crm[:3] == ["crm", "disabled", "(revoked)"]


def test_blocks_are_listed_apart_and_submodules_that_are_off_by_name(shell: Shell) -> None:
    org = shell.new_org()
    for key in ("crm", "erp"):
        shell.command(org, "grant", key=key)
    shell.command(org, "block", scope="module", key="erp", category="compliance")
    shell.json("org", "submodule", org, "--key", "crm.orders", "--disabled", "--reason", REASON)

    table, _, blocks = shell("org", "show", org).stdout.partition("Blocked, whatever is granted:")

    assert [line for line in table.splitlines() if line.startswith("crm ")]
    assert not [line for line in table.splitlines() if line.startswith("erp ")]
    (erp,) = [line.split() for line in blocks.splitlines() if line.startswith("erp ")]
    assert erp[1] == "compliance"
    assert "Switched off: crm.orders." in blocks


def test_a_block_can_be_lifted_by_the_id_that_is_shown(shell: Shell) -> None:
    org = shell.new_org()
    shell.command(org, "suspend")
    (block,) = shell.json("org", "show", org)["blocks"]
    assert block["block_id"] in shell("org", "show", org).stdout
    shell.command(org, "unblock", block_id=block["block_id"])
    assert shell.json("org", "show", org)["blocks"] == []


def test_grants_that_have_not_begun_are_told_as_coming(shell: Shell) -> None:
    org = shell.new_org()
    begins = (datetime.now(UTC) + timedelta(days=2)).isoformat()
    shell.command(org, "grant", key="crm", from_=begins)
    shown = shell.json("org", "show", org)
    (crm,) = [module for module in shown["modules"] if module["key"] == "crm"]
    assert (crm["status"], crm["denied_by"]) == ("disabled", "not_yet_active")
    assert [coming["key"] for coming in shown["coming"]] == ["crm"]
    assert "Still to come:" in shell("org", "show", org).stdout


def test_the_document_has_every_module(shell: Shell) -> None:
    org = shell.new_org()
    shown = shell.json("org", "show", org)
    assert (shown["org_id"], shown["name"], shown["org_version"]) == (org, "Acme", 1)
    statuses = {module["key"]: module["status"] for module in shown["modules"]}
    assert (statuses["crm"], statuses["email"]) == ("disabled", "enabled")


def test_a_name_is_printed_as_it_is(shell: Shell) -> None:
    """It is neither markup nor an order to the terminal."""
    org = shell.new_org(name="[red]Acme[/] \u202e31m")
    said = shell("org", "show", org).stdout
    assert said.startswith("[red]Acme[/] \\u202e31m (organisation ")


def test_an_empty_ledger_says_how_to_begin(own_shell: Shell) -> None:
    said = own_shell("org", "list").stdout
    assert "entitlements org register" in said
    assert "entitlements legacy import" in said
    assert own_shell.json("org", "list") == {"orgs": [], "next": None}


def test_orgs_are_listed_a_page_at_a_time(own_shell: Shell) -> None:
    orgs = [own_shell.new_org(name=f"Acme {n}") for n in range(3)]

    first = own_shell.json("org", "list", "--limit", 2)
    rest = own_shell.json("org", "list", "--limit", 2, "--after", first["next"])

    assert [row["org_id"] for row in (*first["orgs"], *rest["orgs"])] == orgs
    assert rest["next"] is None
    assert f"--after {orgs[1]}" in own_shell("org", "list", "--limit", 2).stdout
    assert "No organisation matches." in own_shell("org", "list", "--search", "Zeta").stdout


def test_what_is_left_is_told_in_the_unit_that_says_enough() -> None:
    spans = {
        "14 days": timedelta(days=14, hours=23),
        "47 hours": timedelta(hours=47, minutes=59),
        "2 minutes": timedelta(minutes=2),
        "119 seconds": timedelta(seconds=119),
        "0 seconds": timedelta(0),
    }
    assert [left(NOON + span, at=NOON) for span in spans.values()] == list(spans)
