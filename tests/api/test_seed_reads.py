"""The seed's reads, as the ERP's front end makes them."""

import json
from pathlib import Path

import httpx
import pytest

from tests.api.calls import command, status, update
from tests.live import LiveServer

CONTRACT = Path(__file__).parents[3] / "shared" / "data" / "admin_entitlement_api_contract.json"


def test_the_map_has_every_catalog_module_with_its_status(staff: httpx.Client, org: int) -> None:
    """What is not granted is disabled, exempt modules are enabled, and every module is there."""
    command(staff, org, "grant", key="crm")

    answer = staff.get(f"/api/v1/orgs/{org}/entitlements")

    body = answer.json()
    assert body["org_id"] == org
    assert len(body["entitlements"]) == 49
    assert body["entitlements"]["crm"]["status"] == "enabled"
    assert body["entitlements"]["crm"]["submodules"]["lead_management"] is True
    assert body["entitlements"]["erp"]["status"] == "disabled"
    assert body["entitlements"]["erp"]["submodules"]["vendors"] is False
    assert body["entitlements"]["email"]["status"] == "enabled"
    assert body["entitlements"]["settings"]["status"] == "enabled"


def test_an_unchanged_map_is_not_sent_again(staff: httpx.Client, org: int) -> None:
    """The ETag answers 304 until the org changes."""
    path = f"/api/v1/orgs/{org}/entitlements"
    tag = staff.get(path).headers["etag"]

    assert staff.get(path, headers={"If-None-Match": tag}).status_code == 304

    command(staff, org, "grant", key="crm")
    assert staff.get(path, headers={"If-None-Match": tag}).status_code == 200


@pytest.mark.parametrize(
    "path", ["/api/v1/orgs/entitlements", "/api/v1/organizations/entitlements"]
)
def test_a_caller_without_an_org_gets_an_empty_map(live: LiveServer, path: str) -> None:
    """Platform staff belong to no org: `org_id` 0 and nothing."""
    answer = live.as_role("super_admin").get(path)

    assert answer.json() == {"org_id": 0, "entitlements": {}}


def test_a_caller_reads_the_map_of_the_org_in_the_token(
    live: LiveServer, staff: httpx.Client, org: int
) -> None:
    """Without naming an org, it is the caller's own."""
    answer = live.as_role("user", org=str(org)).get("/api/v1/orgs/entitlements")

    assert answer.json() == staff.get(f"/api/v1/orgs/{org}/entitlements").json()


def test_another_orgs_map_is_refused(live: LiveServer, org: int) -> None:
    """The seed's sentence, and nothing else."""
    answer = live.as_role("org_admin", org="7").get(f"/api/v1/orgs/{org}/entitlements")

    assert answer.status_code == 403
    assert answer.json() == {"detail": "You do not have access to this organization's entitlements"}


def test_the_taxonomy_lists_modules_and_submodules(staff: httpx.Client) -> None:
    """Stable ids, names, menu paths and permissions."""
    modules = staff.get("/api/v1/admin/modules").json()["modules"]

    assert len(modules) == 49
    assert sum(len(module["submodules"]) for module in modules) == 223
    crm = modules[0]
    assert (crm["id"], crm["module_key"], crm["is_active"]) == (1, "crm", True)
    leads = next(s for s in crm["submodules"] if s["submodule_key"] == "lead_management")
    assert (leads["menu_path"], leads["permission_key"]) == ("/sales/leads", "crm.view")


def test_staff_see_where_each_state_comes_from(staff: httpx.Client, org: int) -> None:
    """The granting source of each module, `default` where nothing grants."""
    command(staff, org, "grant", key="crm", source="plan:pro@1")
    command(staff, org, "set-submodule", key="crm.orders", enabled=False)

    body = staff.get(f"/api/v1/admin/orgs/{org}/entitlements").json()

    modules = {entry["module_key"]: entry for entry in body["entitlements"]}
    assert body["org_name"] == f"Org {org}"
    assert (modules["crm"]["status"], modules["crm"]["source"]) == ("enabled", "plan:pro@1")
    assert (modules["erp"]["status"], modules["erp"]["source"]) == ("disabled", "default")
    subs = {sub["submodule_key"]: sub for sub in modules["crm"]["submodules"]}
    assert subs["orders"]["enabled"] is False
    assert subs["orders"]["effective_status"] == "disabled"
    assert subs["orders"]["source"] == "admin_off"
    assert subs["campaigns"]["enabled"] is True


def test_the_legacy_column_names_every_billable_module(staff: httpx.Client, org: int) -> None:
    """`{UPPER_KEY: bool}`, and USERS, which is always on."""
    command(staff, org, "grant", key="crm")

    body = staff.get(f"/api/v1/orgs/{org}/enabled_modules").json()

    assert body["CRM"] is True
    assert body["ERP"] is False
    assert body["USERS"] is True
    assert len(body) == 44


def test_categories_are_activated_and_deactivated_as_one(staff: httpx.Client, org: int) -> None:
    """A bundle grants all of its modules, and ends all of them."""
    path = f"/api/v1/admin/categories/orgs/{org}"
    body = {"category": "crm_suite", "reason": "the bundle was sold"}

    answer = staff.post(f"{path}/activate", json=body)

    assert answer.json()["success"] is True
    assert [status(staff, org, m) for m in ("crm", "sales", "seo")] == ["enabled"] * 3
    activated = staff.get(f"{path}/activated").json()
    assert activated == {"org_id": org, "activated_categories": ["crm_suite"]}

    staff.post(f"{path}/deactivate", json=body)
    assert status(staff, org, "crm") == "disabled"
    assert staff.get(f"{path}/activated").json()["activated_categories"] == []


def test_categories_are_listed_with_their_modules(staff: httpx.Client) -> None:
    """Ten bundles; one by its key; 404 for another."""
    categories = staff.get("/api/v1/admin/categories").json()["categories"]
    one = staff.get("/api/v1/admin/categories/crm_suite").json()

    assert len(categories) == 10
    assert one in categories
    assert one["module_count"] == len(one["modules"]) == 4
    assert staff.get("/api/v1/admin/categories/nothing").status_code == 404


def test_orgs_are_found_by_part_of_a_name_page_by_page(live: LiveServer) -> None:
    """Search ignores case; `next` leads on; the last page has none."""
    staff = live.as_role("super_admin")
    for number in (880001, 880002, 880003):
        body = {"id": number, "name": f"Umbrella {number}", "reason": "a new customer signed"}
        staff.post("/api/v1/admin/orgs", json=body)

    first = staff.get("/api/v1/admin/orgs", params={"search": "umBRella", "limit": 2}).json()
    rest = staff.get(
        "/api/v1/admin/orgs", params={"search": "umbrella", "limit": 2, "after": first["next"]}
    ).json()

    assert [row["org_id"] for row in first["orgs"]] == [880001, 880002]
    assert [row["org_id"] for row in rest["orgs"]] == [880003]
    assert rest["next"] is None


def test_answers_have_the_shape_of_the_seeds_contract(staff: httpx.Client, org: int) -> None:
    """Every property the contract names is there, with a value of its type."""
    if not CONTRACT.exists():
        pytest.skip("the seed's contract lies beside the checkout, and is not there")
    contract = json.loads(CONTRACT.read_text())
    paths = {e["path"]: e["response"] for e in contract["endpoints"] if e["method"] == "GET"}

    for path, shape in paths.items():
        answer = staff.get(path.replace("{orgId}", str(org)))
        _conforms(answer.json(), shape)
    put = next(e["response"] for e in contract["endpoints"] if e["method"] == "PUT")
    answer = update(staff, org, modules=[{"module_key": "crm", "status": "enabled"}])
    _conforms(answer.json(), put)


def _conforms(value: object, shape: dict[str, object]) -> None:
    if value is None:
        assert shape.get("nullable"), shape
        return
    kinds = {"object": dict, "array": list, "string": str, "integer": int, "boolean": bool}
    if "type" in shape:
        assert isinstance(value, kinds[str(shape["type"])]), (value, shape)
    if "enum" in shape:
        assert value in shape["enum"]  # type: ignore[operator]
    for name, inner in shape.get("properties", {}).items():  # type: ignore[attr-defined]
        assert isinstance(value, dict)
        _conforms(value[name], inner)
    if isinstance(value, list) and value:
        _conforms(value[0], shape["items"])  # type: ignore[arg-type]
