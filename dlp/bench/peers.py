"""The processes that a measurement needs, each with an end: the upstream, the product and `mitmdump`; and their costs.

The product runs as a person would run it: `dlp init` writes its files, a source and a destination for the upstream are
added, the language model is off. `mitmdump` runs with its stock options (`mitmdump -q -p PORT --ssl-insecure`), on
loopback and with a home folder of its own.
"""

import base64
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from dlp.bench.load import HOST, Way
from dlp.core.errors import ConfigError

_START = 120.0  # seconds that a process may take before the run is given up
DLP = (sys.executable, "-m", "dlp.cli.main")
_MITMDUMP = (sys.executable, "-c", "from mitmproxy.tools.main import mitmdump; mitmdump()")
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Upstream:
    """A running upstream: its ports, and the file of the authority behind its certificate."""

    http: int
    https: int
    authority: Path


@dataclass(frozen=True, slots=True)
class Peer:
    """A running proxy and what it costs, its child processes included."""

    name: str
    pid: int
    port: int
    authorities: Path
    started: float

    def way(self, credentials: bytes) -> Way:
        """Return the way through this proxy."""
        return Way(self.name, self.port, str(self.authorities), credentials)

    def cpu(self) -> float:
        """Return the CPU seconds used so far."""
        return sum(_cpu(pid) for pid in _tree(self.pid))

    def memory(self) -> int:
        """Return the memory in use, in bytes."""
        return sum(memory_of(pid, "VmRSS") for pid in _tree(self.pid))

    def peak(self) -> int:
        """Return the most memory that was in use since `forget_peak`, in bytes."""
        return sum(memory_of(pid, "VmHWM") for pid in _tree(self.pid))

    def forget_peak(self) -> None:
        """Let the peak begin anew (proc(5), clear_refs)."""
        for pid in _tree(self.pid):
            Path(f"/proc/{pid}/clear_refs").write_text("5", encoding="ascii")


# --- the upstream -----------------------------------------------------------------------------------------------------


@contextmanager
def upstream(folder: Path) -> Iterator[Upstream]:
    """Run the upstream until the block ends."""
    certificate = _certificate(folder)
    command = (sys.executable, "-m", "dlp.bench.load", str(certificate))
    with running(command, folder / "upstream.log", stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None  # noqa: S101 - asked for above
        line = process.stdout.readline()
        if not line:
            raise ConfigError(f"bench: the upstream did not start: {_end_of(folder / 'upstream.log')}")
        ports = json.loads(line)
        yield Upstream(ports["http"], ports["https"], folder / "upstream-authority.pem")


def _certificate(folder: Path) -> Path:
    """Make an upstream's certificate, signed by itself; return the file of key and certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=2))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
        .sign(key, SHA256())
    )
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path = folder / "upstream.pem"
    path.write_bytes(secret + certificate.public_bytes(Encoding.PEM))
    public = folder / "upstream-authority.pem"
    public.write_bytes(certificate.public_bytes(Encoding.PEM))
    return path


# --- the product ------------------------------------------------------------------------------------------------------


def prepare(folder: Path, up: Upstream) -> None:
    """Write the product's files as `dlp init` does, and name the upstream in them.

    Raises:
        ConfigError: `dlp init` failed, or its files have no place for a source and a destination.

    """
    call("init", str(folder), at=folder.parent)
    settings, policy = folder / "dlp.yaml", folder / "policy.yaml"
    with settings.open("a", encoding="utf-8") as file:
        file.write(f'listen: {{http: "127.0.0.1:{free_port()}"}}\nhosts: {{{HOST}: 127.0.0.1}}\n')
        file.write(f'upstream_ca: ["{up.authority}"]\nner: off\n')
    text = policy.read_text(encoding="utf-8")
    place = f'{{at: ["http://{HOST}:{up.http}/**", "https://{HOST}:{up.https}/**"]}}'
    for key in ("sources:\n", "destinations:\n"):
        if text.count(f"\n{key}") != 1:
            raise ConfigError(f"{policy}: expected one {key.strip()} to add the upstream to; `dlp init` wrote another")
        text = text.replace(f"\n{key}", f"\n{key}  bench: {place}\n")
    policy.write_text(f"{text}\nner: off\n", encoding="utf-8")
    call("init", str(folder), at=folder.parent)  # again: it compiles the scan for the policy that there is now


@contextmanager
def product(folder: Path) -> Iterator[Peer]:
    """Run `dlp up` in a prepared folder until the block ends."""
    from dlp.config import load_settings  # noqa: PLC0415 - so that the upstream, which imports little, starts at once

    port = load_settings(folder / "dlp.yaml").http.port
    log = folder / "up.log"
    started = time.perf_counter()
    with running((*DLP, "up", "-c", str(folder / "dlp.yaml")), log) as process:
        await_port(process, port, log)
        yield Peer("dlp", process.pid, port, folder / "state" / "ca-bundle.pem", started)


def open_session(folder: Path) -> bytes:
    """Open a session; return its credentials as a Basic credential's value."""
    told = json.loads(call("session", "open", "--agent", "bench", "--json", "-c", str(folder / "dlp.yaml"), at=folder))
    parts = urlsplit(told["proxy"])
    return base64.b64encode(f"{parts.username}:{parts.password}".encode())


def call(*arguments: str, at: Path) -> str:
    """Return what a `dlp` command prints, run in a folder.

    Raises:
        ConfigError: it failed.

    """
    done = subprocess.run((*DLP, *arguments), cwd=at, capture_output=True, text=True, timeout=_START, check=False)  # noqa: S603 - our own command
    if done.returncode:
        raise ConfigError(f"bench: `dlp {arguments[0]}` ended with {done.returncode}: {done.stderr.strip()[-500:]}")
    return done.stdout


# --- mitmdump ---------------------------------------------------------------------------------------------------------


@contextmanager
def mitmdump(folder: Path) -> Iterator[Peer]:
    """Run `mitmdump` with its stock options until the block ends."""
    port = free_port()
    home = folder / "home"
    home.mkdir(exist_ok=True)
    log = folder / "mitmdump.log"
    command = (*_MITMDUMP, "-q", "--listen-host", "127.0.0.1", "-p", str(port), "--ssl-insecure")
    started = time.perf_counter()
    with running(command, log, env={**os.environ, "HOME": str(home)}) as process:
        await_port(process, port, log)
        yield Peer("mitmdump", process.pid, port, home / ".mitmproxy" / "mitmproxy-ca-cert.pem", started)


# --- processes --------------------------------------------------------------------------------------------------------


@contextmanager
def running(
    command: Sequence[str],
    log: Path,
    *,
    env: dict[str, str] | None = None,
    stdin: int = subprocess.DEVNULL,
    stdout: int = subprocess.DEVNULL,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a process until the block ends; `log` takes what it complains about."""
    with log.open("wb") as errors:
        process = subprocess.Popen(command, stdin=stdin, stdout=stdout, stderr=errors, env=env)  # noqa: S603 - ours
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()


def await_port(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Wait until someone accepts connections there."""
    end = time.perf_counter() + _START
    while time.perf_counter() < end:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        if process.poll() is not None:
            raise ConfigError(f"bench: a proxy ended with {process.returncode} at its start: {_end_of(log)}")
        time.sleep(0.005)
    raise ConfigError(f"bench: a proxy does not listen on port {port} after {_START:g} s: {_end_of(log)}")


def _end_of(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace").strip()[-500:] or "it said nothing"


def free_port() -> int:
    """Return a port on which nobody listens at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _tree(root: int) -> list[int]:
    """Return a process and all below it."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with suppress(OSError):
                parents.setdefault(int(_stat(int(entry.name))[1]), []).append(int(entry.name))
    tree = [root]
    for pid in tree:
        tree += parents.get(pid, ())
    return tree


def _stat(pid: int) -> list[str]:
    """Return what proc(5) tells of a process in `stat`, from its state on."""
    return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()


def _cpu(pid: int) -> float:
    with suppress(OSError):
        fields = _stat(pid)
        return (int(fields[11]) + int(fields[12])) / _TICKS
    return 0.0


def memory_of(pid: int, key: str = "VmRSS") -> int:
    """Return what a process takes, in bytes, as the kernel calls it."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
            if line.startswith(f"{key}:"):
                return int(line.split()[1]) * 1024
    return 0
