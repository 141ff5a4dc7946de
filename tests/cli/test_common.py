import re

import pytest

from dlp.cli.common import say_json, say_table, when


def test_nothing_in_a_cell_is_taken_for_markup(capsys: pytest.CaptureFixture[str]):
    say_table(("a", "b"), [("[bold]x[/bold]", "[EMAIL_1]")], empty="none")
    told = capsys.readouterr().out
    assert "[bold]x[/bold]" in told
    assert "[EMAIL_1]" in told


def test_a_table_without_rows_is_a_sentence(capsys: pytest.CaptureFixture[str]):
    say_table(("a",), [], empty="There is nothing.")
    assert capsys.readouterr().out == "There is nothing.\n"


def test_json_is_one_line(capsys: pytest.CaptureFixture[str]):
    say_json({"a": ("x", "y"), "b": {"c"}})
    assert capsys.readouterr().out == '{"a":["x","y"],"b":["c"]}\n'


def test_a_time_is_written_as_people_do():
    assert re.fullmatch(r"20[0-9]{2}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}", when(1_800_000_000))
