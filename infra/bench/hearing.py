"""A web worker that relays to Kafka and hears of changes there, beside one that does not."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from domain.ids import org_id
from infra.bench import samples
from infra.bench.asking import request
from infra.bench.checking import CONNECTIONS, sample
from infra.bench.ground import Ground
from infra.bench.rounds import Arm, arm
from infra.bench.serving import LEDGER, serving
from infra.tokens import sign_token

HEARING = f"check by a worker with relay and consumer in it, {CONNECTIONS} connections"
WITHOUT = "a worker without"
_ORG = org_id("100001")


@asynccontextmanager
async def workers(ground: Ground, servers: str) -> AsyncIterator[dict[str, Arm]]:
    """Both of them, over a database of their own: its relay is theirs.

    They run all the time: what the one with Kafka takes while it is asked nothing, under two
    hundredths of a core, is in the figures of both.
    """
    where, catalog = ground.new_database(), samples.shipped_catalog()
    async with ground.started(where) as parts:
        await parts.ledger.execute(samples.first_order(_ORG, catalog))
    settings = ground.settings_for(where)
    through_kafka = settings.model_copy(
        update={"kafka_bootstrap_servers": servers, "topic_prefix": "bench-worker."}
    )
    token = sign_token(settings, role="service", sub="bench")
    body = json.dumps({"org": _ORG, "key": samples.keys(catalog)[0]}).encode()
    asked = request("POST", "/api/v1/check", f"Authorization: Bearer {token}", body=body)
    seconds = ground.sizes.seconds
    with serving(LEDGER, settings) as without, serving(LEDGER, through_kafka) as hearing:
        yield {
            WITHOUT: arm(sample, without, asked, b'"allowed":true', seconds),
            HEARING: arm(sample, hearing, asked, b'"allowed":true', seconds),
        }
