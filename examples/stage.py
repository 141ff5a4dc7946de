"""What every story needs: the real proxy as its own process, sandbox programs beside it, checks of what was seen."""

import base64
import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from rich.console import Console
from rich.table import Table
from rich.text import Text
from services import Services, running_services

PROJECT = Path(__file__).resolve().parent.parent
SANDBOX = PROJECT / "examples" / "sandbox"
POLICIES = PROJECT / "rules" / "stories"
DLP = Path(sys.executable).with_name("dlp")
NODE = PROJECT / "node_modules" / "node" / "bin" / "node"
READY_WITHIN = 30.0
STOPPED_WITHIN = 15.0
PROGRAM_WITHIN = 100.0

type Step = dict[str, object]
"""One line that a sandbox program printed: what it did and what it saw."""


class StageError(Exception):
    """The stage itself broke: the proxy did not start, or a program died. No story was told."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that had to be seen; `seen` never holds a protected value."""

    step: str
    expected: str
    seen: str

    @property
    def holds(self) -> bool:
        """Whether what was expected was seen."""
        return self.expected == self.seen


type Play = Callable[["Services", Path], Iterable[Check]]
"""A story: given the upstreams and a folder of its own, what was to be seen and what was."""


@dataclass(frozen=True, slots=True)
class Story:
    """A story with the title it is reported under."""

    title: str
    play: Play


# ------------------------------------------------------------------------------------------------------ the proxy


@dataclass(frozen=True)
class Proxy:
    """A running proxy, spoken to as an operator speaks to it: by the `dlp` command."""

    config: Path

    def dlp(self, *arguments: str) -> str:
        """Return what `dlp` prints, for this proxy's settings; raises as `run_dlp` does."""
        return run_dlp(*arguments, "-c", str(self.config))

    def open_session(self, agent: str, *arguments: str) -> dict[str, str]:
        """Return the environment of a new sandbox."""
        needs: dict[str, dict[str, str]] = json.loads(
            self.dlp("session", "open", "--agent", agent, *arguments, "--json")
        )
        return needs["env"]


def run_dlp(*arguments: str) -> str:
    """Return what the `dlp` command prints.

    Raises:
        StageError: it failed.

    """
    done = subprocess.run(  # noqa: S603 - our own command
        [DLP, *arguments], capture_output=True, text=True, check=False, timeout=60, env=operator_environment()
    )
    if done.returncode:
        raise StageError(f"dlp {' '.join(arguments)} ended with {done.returncode}: {done.stderr or done.stdout}")
    return done.stdout


def operator_environment() -> dict[str, str]:
    """Return the environment of this process without what would send the operator's own calls through a proxy."""
    return {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}


@contextlib.contextmanager
def running_proxy(services: Services, folder: Path, policy: str, *, mcp: Iterable[str] = ()) -> Iterator[Proxy]:
    """Run the proxy with one of the stories' policies until the block ends; `folder` takes all it keeps and says.

    `mcp` names the MCP servers that it has behind its gateway.

    Raises:
        StageError: it does not start, or does not stop as it should.

    """
    config = folder / "dlp.yaml"
    servers = {name: services.mcp.settings[name] for name in mcp}
    settings = {
        "policy": str(POLICIES / policy),
        "listen": {"http": "127.0.0.1:0", **({"mcp": "127.0.0.1:0"} if servers else {})},
        **({"mcp": {"servers": servers}} if servers else {}),
        "hosts": services.hosts,
        "upstream_ca": [str(services.authority)],
        "limits": {"hold": "500ms"},  # nobody answers while the story waits: it is told to come back at once
    }
    # Compiling the scan takes seconds; policies that look for the same share one, so it goes from story to story.
    compiled, cache = services.authority.parent / "compiled", folder / "state" / "cache"
    cache.mkdir(parents=True)
    if compiled.exists():
        shutil.copytree(compiled, cache, dirs_exist_ok=True)
    config.write_text(json.dumps(settings))  # JSON is YAML
    run_dlp("init", str(folder))
    log = folder / "proxy.log"
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - our own command
            [DLP, "up", "-c", config], stdout=output, stderr=subprocess.STDOUT, env=operator_environment()
        )
        try:
            deadline = time.monotonic() + READY_WITHIN
            while not (folder / "state" / "listen.json").exists():
                if process.poll() is not None or time.monotonic() > deadline:
                    raise StageError(f"the proxy did not start:\n{log.read_text()[-2000:]}")
                time.sleep(0.02)
            shutil.copytree(cache, compiled, dirs_exist_ok=True)
            yield Proxy(config)
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(STOPPED_WITHIN)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
    if process.returncode:
        raise StageError(f"the proxy ended with {process.returncode}:\n{log.read_text()[-2000:]}")


# --------------------------------------------------------------------------------------------------- the programs


def run_program(
    command: Sequence[str | Path], environment: Mapping[str, str], on_step: Callable[[Step], None] | None = None
) -> list[Step]:
    """Run a sandbox program with nothing but `environment` and a PATH; return the steps it printed.

    `on_step` is called with each as it is printed, so that the world outside can act between two of them.

    Raises:
        StageError: the program failed or did not end in time.

    """
    with (
        tempfile.TemporaryFile("w+") as complaints,
        subprocess.Popen(  # noqa: S603 - one of the programs in examples/sandbox
            [str(word) for word in command],
            stdout=subprocess.PIPE,
            stderr=complaints,
            text=True,
            env={**environment, "PATH": os.environ["PATH"]},
            cwd="/",
        ) as process,
    ):
        assert process.stdout is not None  # noqa: S101 - narrows the type
        steps: list[Step] = []
        try:
            for line in process.stdout:
                steps.append(json.loads(line))
                if on_step:
                    on_step(steps[-1])
            process.wait(PROGRAM_WITHIN)
        except BaseException:
            process.kill()
            raise
        if process.returncode:
            complaints.seek(0)
            raise StageError(f"{command[-1]} ended with {process.returncode}:\n{complaints.read()[-2000:]}")
    return steps


# ----------------------------------------------------------------------------------------------------- the checks


def holds(data: bytes, value: str) -> bool:
    """Return whether a value stands in `data`: as it is, in base64 at any of its alignments, in hex, or as in a URL.

    A number counts as it is only where it stands alone: ids and times are full of digits.
    """
    raw = value.encode()
    alone = rb"(?<![0-9A-Za-z])%b(?![0-9A-Za-z])" % raw
    if re.search(alone, data) if value.isdigit() else raw in data:
        return True
    forms = [raw.hex().encode(), raw.hex().upper().encode()]
    if quote(value, safe="") != value:
        forms.append(quote(value, safe="").encode())
    for shift in range(3):
        # Characters that also depend on what stands in front or behind are cut off.
        encoded = base64.b64encode(b"\0" * shift + raw)[-(-shift * 8 // 6) : (shift + len(raw)) * 8 // 6]
        forms += [encoded, encoded.replace(b"+", b"-").replace(b"/", b"_")]
    return any(form in data for form in forms)


def seen_in(data: bytes, values: Iterable[str]) -> str:
    """Return how many of the values stand in `data` in some form: "none", or "2 of 8"."""
    values = list(values)
    count = sum(holds(data, value) for value in values)
    return f"{count} of {len(values)}" if count else "none"


def files_with(folder: Path, value: str) -> str:
    """Return which files below `folder` hold the value in some form, or "none"."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return ", ".join(str(path.relative_to(folder)) for path in files if holds(path.read_bytes(), value)) or "none"


# ----------------------------------------------------------------------------------------------------- the report


def perform(stories: Iterable[Story]) -> int:
    """Tell stories one after the other and report what was seen; return 0 if all went as told, else 1."""
    console = Console()
    began = time.monotonic()
    told = failed = 0
    with tempfile.TemporaryDirectory(prefix="dlp-demo-") as folder, running_services(Path(folder)) as services:
        for number, story in enumerate(stories):
            table = Table(title=story.title, title_justify="left", title_style="bold", expand=True)
            for column, ratio in (("", 1), ("step", 20), ("expected", 16), ("seen", 16)):
                table.add_column(column, ratio=ratio, overflow="fold")
            own = Path(folder, f"story-{number}")
            own.mkdir()
            with console.status(story.title):
                try:
                    checks = list(story.play(services, own))
                except StageError as error:
                    checks = [Check("the story could be told", "yes", str(error))]
            for check in checks:
                mark = "[green]✓[/]" if check.holds else "[red]✗[/]"
                table.add_row(mark, check.step, Text(check.expected), Text(check.seen))
            console.print(table)
            told += len(checks)
            failed += sum(not check.holds for check in checks)
    took = time.monotonic() - began
    if failed:
        console.print(f"[red]✗ {failed} of {told} checks failed[/], {took:.0f} s")
        return 1
    console.print(f"[green]✓ all {told} checks hold[/], {took:.0f} s")
    return 0
