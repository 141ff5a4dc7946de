"""The MCP side of `dlp up`: the socket for wrapped servers and, where the settings ask for it, the gateway."""

import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path

from dlp.adapters.http import HttpProxy
from dlp.adapters.mcp_gateway import Gateway
from dlp.adapters.mcp_seen import Recogniser
from dlp.adapters.mcp_stdio import WrapSocket, dialogue
from dlp.adapters.mcp_through import Through
from dlp.cli.app import App
from dlp.cli.state import mcp_socket
from dlp.core.errors import ConfigError
from dlp.engine.pins import Pins
from dlp.engine.sessions import SessionInfo


@contextlib.asynccontextmanager
async def mcp_serving(
    app: App, proxy: HttpProxy, trust: Path, bound: SessionInfo | None
) -> AsyncIterator[tuple[str, int] | None]:
    """Serve MCP until the block ends; gives where the gateway listens. Messages are judged by the proxy's engine."""
    settings = app.settings
    pins = Pins(app.store, settings.stand_in_domain)
    wrapped = WrapSocket(
        mcp_socket(settings),
        authenticate=app.sessions.authenticate,
        begin=lambda session, server: dialogue(proxy, pins, session, server),
        finish=proxy.finish,
        limit=settings.limits.body,
        idle=settings.limits.idle,
    )
    gateway = Gateway(
        proxy,
        settings.servers,
        lambda session, server, common: dialogue(proxy, pins, session, server, common),
        proxy.finish,
        clock=time.time,
        hosts={name: (address.host, address.port) for name, address in settings.hosts.items()},
        trust=str(trust),
        bound=bound,
    )
    proxy.mcp = Through(settings.servers, gateway.remotes, Recogniser(pins, settings.limits.body))
    try:
        wrapped.listen()
        if settings.mcp is None:
            yield None
            return
        try:
            async with gateway.serving(settings.mcp.host, settings.mcp.port) as address:
                yield address
        except OSError as error:
            where = f"{settings.path}: listen: mcp: {settings.mcp.host}:{settings.mcp.port}"
            raise ConfigError(f"{where}: cannot listen: {error.strerror}") from None
    finally:
        await wrapped.close()
        await gateway.close()
