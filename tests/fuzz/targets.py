"""What is fuzzed: every reader of bytes from outside. A target takes any bytes; all it may raise is ParseError.

`python tests/fuzz/targets.py SECONDS [FOLDER]` fuzzes all of them in turn with atheris, guided by coverage; the corpus
grows in FOLDER (else it is thrown away). What was found once stands in `tests/fuzz/corpus` and runs with the tests.
"""

import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from dlp.core.edit import Edit
from dlp.core.errors import ParseError
from dlp.core.message import Kind
from dlp.wire.body import Body, read_body
from dlp.wire.container import Packed, Unpacking
from dlp.wire.graphql_text import Aliases
from dlp.wire.head import read_request_head, read_response_head

LIMIT = 200_000
CORPUS = Path(__file__).parent / "corpus"
TYPES = (
    "application/json",
    "application/x-ndjson",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=B",
    "text/csv",
    "text/tab-separated-values",
    "application/xml",
    "text/html",
    "application/yaml",
    "application/graphql",
    "application/x-protobuf",
    "text/plain; charset=latin-1",
    "text/plain; charset=utf-16",
    "text/plain; charset=shift_jis",
    "",
)
CODINGS = ("", "", "", "gzip", "deflate", "br", "zstd", "gzip, br")


def body(data: bytes) -> None:
    """Read a body of some type and coding, write it as it came, and with one part replaced."""
    if len(data) < 3:
        return
    kind, coding, raw = TYPES[data[0] % len(TYPES)], CODINGS[data[1] % len(CODINGS)], data[3:]
    try:
        read = read_body(raw, kind, coding, limit=LIMIT)
        _check(read, raw, data[2])
    except ParseError:
        return


def _check(read: Body, raw: bytes, pick: int) -> None:
    parts = read.block.parts
    assert read.write([]) == raw
    surface = read.block.surface
    for part in parts:
        shown = part.kind is Kind.OPAQUE or part.path == "graphql/operation"  # which is our own word
        hidden = surface is not None and not shown and part.text.encode() not in surface
        assert not hidden, f"a part at {part.path!r} does not stand in the surface"
    if not parts:
        return
    number = pick % len(parts)
    edit = Edit(number, 0, len(parts[number].text), "[EMAIL_1]")
    written = read.write([edit])
    assert written != raw or parts[number].text == "[EMAIL_1]"


def packed(data: bytes) -> None:
    """Unpack a container of some kind."""
    kinds = ("zip", "tar", "gzip", "bzip2", "xz", "zstd", "sqlite", "png", "jpeg", "gif", "webp")
    if len(data) < 2:
        return
    try:
        Unpacking((Packed(kinds[data[0] % len(kinds)], data[1:], "/f"),))()
    except ParseError:
        return


def pdf(data: bytes) -> None:
    """Read a PDF."""
    try:
        Unpacking((Packed("pdf", data, "/f"),))()
    except ParseError:
        return


def head(data: bytes) -> None:
    """Read a request's and a response's head, and write them with one part replaced."""
    lines = data.split(b"\n")
    fields = [(name, value) for name, _, value in (line.partition(b":") for line in lines[1:])]
    target = lines[0].decode("latin-1")
    for read in (read_request_head("GET", "a.test:80", target, fields), read_response_head(200, target, fields)):
        parts = [part for block in read.blocks for part in block.parts]
        for number, part in enumerate(parts[:3]):
            try:
                read.write([Edit(number, 0, len(part.text), "x")])
            except ParseError:
                continue


def graphql(data: bytes) -> None:
    """Follow the aliases of a query."""
    text = data.decode("utf-8", "replace")
    for step in Aliases({"/data": text}).real("/data/" + "/".join(text.split()[:9])):
        assert step.startswith("/data")


TARGETS: dict[str, Callable[[bytes], None]] = {
    "body": body,
    "packed": packed,
    "pdf": pdf,
    "head": head,
    "graphql": graphql,
}


def fuzz(name: str, folder: Path, seconds: int) -> None:
    """Fuzz one target in this process, which ends with it."""
    import atheris  # noqa: PLC0415 - the tests of the corpus do without

    target = TARGETS[name]

    def quietly(data: bytes) -> None:
        target(data)

    atheris.instrument_all()
    seeds = CORPUS / name
    options = [f"-max_total_time={seconds}", "-rss_limit_mb=2000", "-timeout=60", "-max_len=4096", "-verbosity=0"]
    atheris.Setup([sys.argv[0], str(folder), str(seeds), f"-artifact_prefix={folder}/crash-", *options], quietly)
    atheris.Fuzz()


def main() -> int:
    """Fuzz all targets in turn, each in a process of its own; return how many found something."""
    if sys.argv[1] in TARGETS:
        fuzz(sys.argv[1], Path(sys.argv[3]), int(sys.argv[2]))
    seconds = int(sys.argv[1])
    failed = 0
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(sys.argv[2]) if len(sys.argv) > 2 else Path(scratch)
        for name in TARGETS:
            (folder / name).mkdir(parents=True, exist_ok=True)
            arguments = [sys.executable, __file__, name, str(seconds // len(TARGETS)), str(folder / name)]
            failed += subprocess.run(arguments, check=False).returncode != 0  # noqa: S603 - ourselves
    return failed


if __name__ == "__main__":
    sys.exit(main())
