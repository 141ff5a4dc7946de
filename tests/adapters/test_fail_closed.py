import asyncio
from typing import Any

import pytest

from dlp.adapters.fail_closed import ClientGoneError, FailClosed, place


def test_an_exception_ends_the_block_and_is_kept_for_the_caller():
    guard = FailClosed()
    with guard:
        raise ValueError
    assert isinstance(guard.error, ValueError)


def test_a_block_without_an_exception_leaves_nothing():
    guard = FailClosed()
    with guard:
        pass
    assert guard.error is None


@pytest.mark.parametrize("kind", [asyncio.CancelledError, KeyboardInterrupt, GeneratorExit, SystemExit])
def test_being_told_to_stop_is_no_failure(kind: Any):
    guard = FailClosed()
    with pytest.raises(kind), guard:
        raise kind
    assert guard.error is None


def test_the_log_names_type_and_place_and_never_the_text(caplog: pytest.LogCaptureFixture):
    with FailClosed():
        msg = "a-secret-value"
        raise ValueError(msg)
    assert "ValueError at" in caplog.text
    assert "test_fail_closed.py" in caplog.text
    assert "a-secret-value" not in caplog.text


def test_a_client_that_left_is_not_worth_a_line(caplog: pytest.LogCaptureFixture):
    with FailClosed():
        raise ClientGoneError
    assert caplog.text == ""


def test_an_error_that_was_never_raised_has_no_place():
    assert place(ValueError("x")) == "ValueError at nowhere"
