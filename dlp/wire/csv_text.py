"""Comma-separated values (RFC 4180), and with semicolons or tabs."""

import re
from collections.abc import Iterator

from dlp.core.message import Kind, Part
from dlp.wire.json_text import pointer
from dlp.wire.leaf import Codec, Leaves, text_part
from dlp.wire.limits import Invalid, check_count

_DELIMITERS = ",;\t"


def _cell(delimiter: str) -> re.Pattern[str]:
    return re.compile(
        rf'(?:"([^"]*+(?:""[^"]*+)*+)"|([^"{delimiter}\r\n][^{delimiter}\r\n]*+)?)({delimiter}|\r\n|\n|\r|\Z)'
    )


_CELLS = {delimiter: _cell(delimiter) for delimiter in _DELIMITERS}
_STOP = re.compile(r'"[^"]*+(?:""[^"]*+)*+"|[\r\n,;\t]')


def read_csv(text: str, prefix: str, into: Leaves, *, delimiter: str = "", header: bool = True) -> None:
    """Read every cell into `into`. The first row gives the names, unless there is no `header`.

    A column without a name of its own goes by its number. Without `delimiter` the first line tells it.

    Raises:
        Invalid: quotes do not pair up.
        ParseError: more cells than are read.

    """
    delimiter = delimiter or _delimiter(text)
    check_count(text, delimiter + "\n", "csv")
    cell = _CELLS[delimiter]
    quoted, bare = _QUOTED, _BARE[delimiter]
    names: list[str] = []
    taken: set[str] = set()
    row = -1 if header else 0
    at = column = 0
    # A line end at the very end begins no row; a delimiter there does begin a cell.
    after = ""
    while at < len(text) or after == delimiter:
        match = cell.match(text, at)
        if match is None:
            raise Invalid(f"csv: a quote that does not pair up in the cell at code point {at}")
        inner, plain, after = match.groups()
        says = plain or "" if inner is None else inner.replace('""', '"')
        if row < 0:
            name = says if says and says not in taken else str(column)
            names.append(name)
            taken.add(name)
            part = Part(f"{prefix}/{pointer(name)}", says, Kind.KEY)
        else:
            name = names[column] if column < len(names) else str(column)
            part = text_part(f"{prefix}/{row}/{pointer(name)}", says, name)
        into.add(part, at, match.start(3), bare if inner is None else quoted)
        at = match.end()
        column += 1
        if after != delimiter:
            row += 1
            column = 0
            if not after:
                return


def _delimiter(text: str) -> str:
    count = dict.fromkeys(_DELIMITERS, 0)
    for match in _STOP.finditer(text):
        if (stop := match.group()) in "\r\n":
            break
        if stop in count:
            count[stop] += 1
    return max(_DELIMITERS, key=count.__getitem__)


def _quote(text: str) -> str:
    return text.replace('"', '""')


def _whole(text: str, _number: bool) -> str:  # noqa: FBT001 - the shape of a codec's function
    return f'"{_quote(text)}"'


def _unquote(raw: str) -> str:
    return raw[1:-1].replace('""', '"') if raw[:1] == '"' else raw


def _pieces(raw: str) -> Iterator[tuple[str, str]]:
    for piece in re.split('("")', raw):
        if piece:
            yield piece, '"' if piece == '""' else piece


def _bare(delimiter: str) -> Codec:
    """Return the codec of a cell without quotes: written back so where that reads the same, else with quotes."""
    refused = re.compile(rf'"|[{delimiter}\r\n]')

    def decode(raw: str) -> str:
        if raw[:1] == '"':
            return _unquote(raw)
        # An empty cell alone in its row would be no cell; "" always is. U+FFFF says what no cell here can.
        return raw if raw and not refused.search(raw) else "\uffff"

    return Codec(encode=str, decode=decode, whole=_whole, pieces=lambda raw: ((raw, raw),) if raw else ())


_QUOTED = Codec(encode=_quote, decode=_unquote, whole=_whole, pieces=_pieces, fence=1)
_BARE = {delimiter: _bare(delimiter) for delimiter in _DELIMITERS}
