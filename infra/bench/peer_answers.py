"""Other engines asked the ledger's questions; runs with their packages, and nothing of ours.

Standard input: a line of JSON `{"peer", "plans": [[module]], "orgs": {org: plan}, "questions":
[[org, module]]}`, then an empty line for each round. Standard output: the answers as a string of
`0` and `1`, or a line that begins with `!` and says why there are none; then seconds, a round each.
"""

import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Ask = Callable[[str, str], bool]
Model = dict[str, Any]


def modules_of(model: Model) -> list[str]:
    """Every module that a plan has or a question names."""
    named = {module for plan in model["plans"] for module in plan}
    return sorted(named | {module for _, module in model["questions"]})


def plans_with(model: Model, module: str) -> list[str]:
    """The plans that have a module."""
    return [str(number) for number, plan in enumerate(model["plans"]) if module in plan]


def flagsmith(model: Model) -> Ask:
    """Segments by plan that override features; a context has no feature but the one asked for."""
    from flag_engine.engine import get_evaluation_result

    def segment(number: int, module: str) -> Any:
        condition = {"property": "plan", "operator": "EQUAL", "value": str(number)}
        rule = {"type": "ALL", "conditions": [condition], "rules": []}
        override = {"key": module, "name": module, "enabled": True, "value": None}
        return {"key": str(number), "name": str(number), "rules": [rule], "overrides": [override]}

    known = {
        module: {
            "environment": {"key": "e", "name": "e"},
            "features": {module: {"key": module, "name": module, "enabled": False, "value": None}},
            "segments": {
                number: segment(int(number), module) for number in plans_with(model, module)
            },
        }
        for module in modules_of(model)
    }

    def ask(org: str, module: str) -> bool:
        plan = str(model["orgs"][org])
        identity = {"identifier": org, "key": org, "traits": {"plan": plan}}
        result = get_evaluation_result({**known[module], "identity": identity})
        return bool(result["flags"][module]["enabled"])

    return ask


def cedar(model: Model) -> Ask:
    """One policy for a module, over orgs that have their plans; both are parsed once."""
    import cedarpy

    policies = cedarpy.PolicySet.from_str(
        "\n".join(
            f'permit(principal, action == Action::"use", resource == Module::"{module}") '
            f"when {{ {json.dumps(plans_with(model, module))}.contains(principal.plan) }};"
            for module in modules_of(model)
        )
    )
    entities = cedarpy.Entities.from_json_str(
        json.dumps(
            [
                {"uid": {"type": "Org", "id": org}, "attrs": {"plan": str(plan)}, "parents": []}
                for org, plan in model["orgs"].items()
            ]
        )
    )

    def ask(org: str, module: str) -> bool:
        request = {
            "principal": f'Org::"{org}"',
            "action": 'Action::"use"',
            "resource": f'Module::"{module}"',
            "context": {},
        }
        return bool(cedarpy.is_authorized(request, policies, entities).allowed)

    return ask


def unleash(model: Model) -> Ask:
    """The engine under UnleashClient, with one constraint on the plan."""
    from yggdrasil_engine.engine import UnleashEngine

    def feature(module: str) -> Any:
        constraint = {
            "contextName": "plan",
            "operator": "IN",
            "values": plans_with(model, module) or ["none"],
        }
        strategy = {"name": "default", "parameters": {}, "constraints": [constraint]}
        return {"name": module, "enabled": True, "strategies": [strategy]}

    engine = UnleashEngine()
    features = [feature(module) for module in modules_of(model)]
    engine.take_state(json.dumps({"version": 2, "features": features}))

    def ask(org: str, module: str) -> bool:
        context = {"userId": org, "properties": {"plan": str(model["orgs"][org])}}
        return bool(engine.is_enabled(module, context).is_enabled)

    return ask


def growthbook(model: Model) -> Ask:
    """Features that are on for the plans that have them."""
    from growthbook import GrowthBook

    features = {
        module: {
            "defaultValue": False,
            "rules": [{"condition": {"plan": {"$in": plans_with(model, module)}}, "force": True}],
        }
        for module in modules_of(model)
    }
    book = GrowthBook(features=features)

    def ask(org: str, module: str) -> bool:
        book.set_attributes({"id": org, "plan": str(model["orgs"][org])})
        return bool(book.is_on(module))

    return ask


def casbin(model: Model) -> Ask:
    """The fast enforcer, which looks at one module's policies alone; plans are roles."""
    from casbin import FastEnforcer

    with tempfile.TemporaryDirectory() as name:
        form, rules = Path(name, "model.conf"), Path(name, "policy.csv")
        form.write_text(
            "[request_definition]\nr = sub, obj, act\n[policy_definition]\np = sub, obj, act\n"
            "[role_definition]\ng = _, _\n[policy_effect]\ne = some(where (p.eft == allow))\n"
            "[matchers]\nm = g(r.sub, p.sub) && r.obj == p.obj && r.act == p.act\n"
        )
        lines = [
            f"p, plan{number}, {module}, use"
            for number, plan in enumerate(model["plans"])
            for module in plan
        ]
        lines += [f"g, {org}, plan{plan}" for org, plan in model["orgs"].items()]
        rules.write_text("\n".join(lines))
        enforcer = FastEnforcer(str(form), str(rules), cache_key_order=[1])

    def ask(org: str, module: str) -> bool:
        return bool(enforcer.enforce(org, module, "use"))

    return ask


def opa(model: Model) -> Ask:
    """A Rego policy over the plans as data."""
    import opa_eval

    data = {
        "plans": {str(number): plan for number, plan in enumerate(model["plans"])},
        "orgs": {org: str(plan) for org, plan in model["orgs"].items()},
    }
    with tempfile.TemporaryDirectory() as name:
        policy = Path(name, "policy.rego")
        policy.write_text(
            "package modules\nimport rego.v1\ndefault allow := false\n"
            "allow if input.module in data.plans[data.orgs[input.org]]\n"
        )
        evaluator = opa_eval.OpaEval(
            str(policy), data_json=json.dumps(data), query="data.modules.allow"
        )

    def ask(org: str, module: str) -> bool:
        return bool(evaluator.evaluate(json.dumps({"org": org, "module": module})) == "true")

    return ask


def flagd(model: Model) -> Ask:
    """OpenFeature's client over flagd's resolver in process, from a file."""
    from openfeature import api
    from openfeature.contrib.provider.flagd import FlagdProvider
    from openfeature.contrib.provider.flagd.config import ResolverType
    from openfeature.evaluation_context import EvaluationContext

    flags = {
        module: {
            "state": "ENABLED",
            "variants": {"on": True, "off": False},
            "defaultVariant": "off",
            "targeting": {
                "if": [{"in": [{"var": "plan"}, plans_with(model, module)]}, "on", "off"]
            },
        }
        for module in modules_of(model)
    }
    with tempfile.NamedTemporaryFile("w", suffix=".json", delete=False) as file:
        json.dump({"flags": flags}, file)
    provider = FlagdProvider(resolver_type=ResolverType.FILE, offline_flag_source_path=file.name)
    api.set_provider_and_wait(provider)
    client = api.get_client()

    def ask(org: str, module: str) -> bool:
        context = EvaluationContext(org, {"plan": str(model["orgs"][org])})
        return bool(client.get_boolean_value(module, False, context))

    return ask


PEERS: dict[str, Callable[[Model], Ask]] = {
    "flagsmith-flag-engine": flagsmith,
    "cedarpy": cedar,
    "UnleashClient": unleash,
    "growthbook": growthbook,
    "pycasbin": casbin,
    "opa-eval": opa,
    "openfeature-provider-flagd": flagd,
}


def main() -> None:
    """Answer once, then again in every round."""
    model = json.loads(sys.stdin.readline())
    questions = model["questions"]
    try:
        ask = PEERS[model["peer"]](model)
        answers = "".join("1" if ask(org, module) else "0" for org, module in questions)
    except Exception as error:
        say(f"!{type(error).__name__}: {str(error)[:200]!r}")
        return
    say(answers)
    for _ in sys.stdin:
        started = time.perf_counter()
        for org, module in questions:
            ask(org, module)
        say(repr(time.perf_counter() - started))


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
