import pytest

from dlp.core import errors


@pytest.mark.parametrize("name", ["ConfigError", "PolicyError", "PluginError", "ParseError", "StoreError"])
def test_every_error_is_named_after_who_acts_and_is_one_of_ours(name: str):
    assert issubclass(getattr(errors, name), errors.DlpError)
