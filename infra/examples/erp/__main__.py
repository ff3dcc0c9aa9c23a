"""`python -m infra.examples.erp`: the toy ERP beside a ledger that `make run` serves."""

import click
import uvicorn
from fastapi import FastAPI

from entitlements_sdk import Entitlements, HttpBypass
from entitlements_sdk.jwt import JwtPrincipal
from infra.examples.erp.app import service
from infra.settings import Settings
from infra.tokens import shared_secret, sign_token


def deployed(settings: Settings, *, ledger: str) -> FastAPI:
    """The service as it is deployed beside a ledger of the same settings.

    Raises:
        SettingsProblem: tokens are signed by somebody else, so it cannot have one of its own.
    """
    token = sign_token(settings, role="service", sub="toy-erp")
    principal = JwtPrincipal(
        shared_secret(settings),
        algorithms=["HS256"],
        issuer=settings.jwt_issuer,
        audience=settings.jwt_audience,
    )
    client = Entitlements(ledger, token=token, bypass=HttpBypass(ledger, token=token))
    return service(client, principal=principal)


@click.command()
@click.option("--ledger", default="http://127.0.0.1:8000", show_default=True, help="Its address.")
@click.option("--port", type=click.IntRange(0, 65535), default=8100, show_default=True)
def main(*, ledger: str, port: int) -> None:
    """Serve the toy ERP: try /menu and /crm/leads with a token of `entitlements token`."""
    app = deployed(Settings.from_environment(), ledger=ledger)
    uvicorn.run(app, host="127.0.0.1", port=port)


if __name__ == "__main__":
    main()
