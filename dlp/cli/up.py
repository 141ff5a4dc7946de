"""Runs the proxy: binds first, so that it is ready at once, then loads what takes long beside the loop."""

import asyncio
import gc
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress

from dlp.adapters import ca
from dlp.adapters.admin import admin_app, serving
from dlp.adapters.collector import short_passes
from dlp.adapters.fail_closed import FailClosed
from dlp.adapters.http import HttpProxy
from dlp.adapters.http_tls import bundle_authorities
from dlp.adapters.pool import Pool
from dlp.adapters.resolver import Resolver
from dlp.cli.app import App, build
from dlp.cli.enforced import tell
from dlp.cli.environment import environment, proxy_url
from dlp.cli.listening import announce, gateway_origin, withdraw
from dlp.cli.reloading import Running
from dlp.cli.state import admin_socket
from dlp.cli.up_mcp import mcp_serving
from dlp.config import Settings
from dlp.core.errors import ConfigError
from dlp.engine.classify import build_classifier, worker_classify, worker_init
from dlp.engine.sessions import SessionInfo, Status


def run(settings: Settings) -> int:
    """Run until a signal says stop; return the exit code.

    Raises:
        DlpError: the settings, the policy, a plugin or the store keep the proxy from starting.

    """
    # To standard error, one line each: standard output is for whoever waits for the proxy to be ready. The lines of
    # libraries, which may hold values, are dropped.
    logging.basicConfig(handlers=[logging.NullHandler()])
    lines = logging.StreamHandler()
    lines.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.getLogger("dlp").addHandler(lines)
    app = build(settings)
    try:
        asyncio.run(_serve(app))
    finally:
        app.close()
    return 0


async def _serve(app: App) -> None:
    settings = app.settings
    files = ca.files(settings.state)
    trust = bundle_authorities(settings.upstream_ca, settings.state / "upstream-ca.pem")
    pool = Pool(worker_init, (app.classifying,), worker_classify, workers=settings.pool, memory=settings.limits.memory)
    proxy = HttpProxy(
        app.engine,
        resolver=Resolver(
            {name: (address.host, address.port or None) for name, address in settings.hosts.items()}, time.time
        ),
        clock=time.time,
        random=os.urandom,
        ca_file=files.key,
        upstream_ca=trust,
        pool=pool,
        limits=settings.limits,
    )
    try:
        host, port = await proxy.listen(settings.http.host, settings.http.port, _bound(app))
    except OSError as error:
        raise ConfigError(
            f"{settings.path}: listen: {settings.http.host}:{settings.http.port}: cannot listen: {error.strerror}"
        ) from None
    running = Running(app, proxy, pool)
    gateway = ""
    try:
        api = admin_app(
            app.sessions,
            app.approvals,
            trusted=lambda: running.app.policy.trusted,
            needs=lambda session, secret: _needs(session, proxy_url(session, secret, host, port), files, gateway),
            health=running.health,
        )
        async with (
            mcp_serving(app, proxy, trust, _bound(app)) as mcp,
            serving(api, admin_socket(settings)),
        ):
            gateway = "" if mcp is None else gateway_origin(*mcp)
            announce(settings, host, port, mcp)
            tell(settings, running.health())
            also = "" if mcp is None else f", MCP on {mcp[0]}:{mcp[1]}"
            sys.stdout.write(
                f"dlp: ready on {host}:{port}{also}, policy {app.policy.name!r} version {app.policy.version} "
                f"({app.policy.digest[:12]})\n"
            )
            sys.stdout.flush()
            # Ready is said first: what needs the classifiers before they are warm waits for them within its own time.
            threading.Thread(target=_warm, args=(app, pool), name="warm", daemon=True).start()
            following = asyncio.create_task(running.follow())
            try:
                with short_passes():
                    await _until_told()
            finally:
                following.cancel()
                withdraw(settings)
    finally:
        await proxy.close()
        running.close()


def _bound(app: App) -> SessionInfo | None:
    """Return the session that this listener belongs to, if the settings bind it to one."""
    name = app.settings.bind_session
    if not name:
        return None
    info = app.sessions.get(name)
    if info is None or info.status is not Status.OPEN:
        raise ConfigError(
            f"{app.settings.path}: bind_session: expected an open session, got one that is "
            f"{'unknown' if info is None else info.status}; `dlp session open` makes one"
        )
    return info


def _needs(session: str, proxy: str, files: ca.Files, gateway: str) -> Mapping[str, object]:
    return {"proxy": proxy, "env": environment(proxy, session, files.bundle, files.hashed, gateway)}


def _warm(app: App, pool: Pool) -> None:
    """Load what classifiers load on first use, so that no message has to wait for it in the proxy's own loop."""
    gc.disable()  # one collection of what is being loaded would hold the loop for 70 ms
    with FailClosed():  # what does not load now will refuse its messages later, and say so then
        pool.start()
        if not app.classifier.needs_model:
            build_classifier(app.classifying).warm()
        app.classifier.narrow()
    # What lives now lives until the end: the collector need not walk it again (a third off the 99th percentile).
    gc.freeze()
    gc.enable()


async def _until_told() -> None:
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with suppress(NotImplementedError):
            loop.add_signal_handler(number, told.set)
    await told.wait()
