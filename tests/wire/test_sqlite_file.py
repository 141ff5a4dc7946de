"""SQLite files: every cell, name and definition."""

import sqlite3

from hypothesis import given
from hypothesis import strategies as st

from dlp.core.errors import ParseError
from dlp.core.message import Kind, Part
from dlp.wire.body import read_body

VALUE = "123-45-6789"


def database(*statements: str) -> bytes:
    connection = sqlite3.connect(":memory:")
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    data = connection.serialize()
    connection.close()
    return data


def unpacked(raw: bytes) -> tuple[Part, ...]:
    body = read_body(raw, "application/vnd.sqlite3", "", limit=10_000_000)
    assert body.block.far is not None
    body.block.settle(body.block.far())
    return body.block.parts


PEOPLE = database(
    "CREATE TABLE people (name TEXT, ssn TEXT, pay REAL, photo BLOB)",
    "INSERT INTO people VALUES ('Ada', '123-45-6789', 55000.0, x'80818283')",
)


def test_cells_columns_and_definitions_are_read():
    read = {part.path: part for part in unpacked(PEOPLE)}
    assert read["/people/0/ssn"].text == VALUE
    assert (read["/people/0/pay"].text, read["/people/0/pay"].kind) == ("55000", Kind.NUMBER)
    assert read["/people/ssn"].kind is Kind.KEY
    assert "CREATE TABLE" in read["/people/@sql"].text
    assert read["/people/0/photo"].kind is Kind.OPAQUE


def test_a_database_that_waits_for_its_log_is_read_without_it():
    assert any(part.text == VALUE for part in unpacked(PEOPLE[:18] + b"\x02\x02" + PEOPLE[20:]))


def test_pages_that_nothing_names_are_opaque():
    rows = ["INSERT INTO t VALUES (zeroblob(3000))"] * 9
    freed = database("CREATE TABLE t (a)", *rows, "DELETE FROM t")
    assert any(part.kind is Kind.OPAQUE for part in unpacked(freed))
    assert any(part.kind is Kind.OPAQUE for part in unpacked(PEOPLE + b"x" * 4096))


def test_views_and_triggers_are_read_and_never_run():
    endless = "CREATE VIEW v AS WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT n FROM r"
    assert any("RECURSIVE" in part.text for part in unpacked(database(endless)))


@given(st.data())
def test_broken_databases_raise_nothing_else(data: st.DataObject):
    broken = bytearray(PEOPLE)
    for _ in range(data.draw(st.integers(1, 8))):
        broken[data.draw(st.integers(16, len(broken) - 1))] = data.draw(st.integers(0, 255))
    try:
        parts = unpacked(bytes(broken))
    except ParseError:
        return
    assert all(isinstance(part, Part) for part in parts)
