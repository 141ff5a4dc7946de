from pathlib import Path

import pytest

from dlp.cli.state import admin_socket, audit_file, key_file, opened, store_file
from dlp.core.errors import ConfigError, StoreError

from .conftest import Run


@pytest.mark.usefixtures("folder")
def test_without_settings_it_says_how_to_make_them():
    with pytest.raises(ConfigError, match="dlp init"), opened(Path("dlp.yaml")):
        pass


def test_a_missing_store_is_not_made_by_accident(proxy: Run, folder: Path):
    assert proxy("session", "list").code == 0
    (folder / "state" / "state.db").unlink()
    with pytest.raises(ConfigError, match="there is no store"), opened(Path("dlp.yaml")):
        pass
    assert not (folder / "state" / "state.db").exists()


@pytest.mark.usefixtures("proxy")
def test_the_store_is_closed_when_the_command_ends():
    with opened(Path("dlp.yaml")) as state:
        assert state.sessions.list() == ()
    with pytest.raises(StoreError, match="closed"):
        state.sessions.list()


@pytest.mark.usefixtures("proxy")
def test_everything_is_kept_below_the_state_folder():
    with opened(Path("dlp.yaml")) as state:
        places = [place(state.settings) for place in (store_file, key_file, audit_file, admin_socket)]
        assert {place.parent for place in places} == {state.settings.state}
        assert len(set(places)) == 4
