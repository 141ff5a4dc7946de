"""`dlp init`: the first files of a new proxy."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from dlp.adapters import ca
from dlp.cli.app import classifier_config
from dlp.cli.common import Json, say, say_json
from dlp.cli.shipped import PACKS
from dlp.cli.state import key_file, store_file
from dlp.config import Settings, load_settings
from dlp.core.errors import ConfigError
from dlp.engine.classify import build_classifier
from dlp.engine.keys import create_key
from dlp.policy.load import load_policy
from dlp.policy.skeleton import PACKS as BUNDLED
from dlp.policy.skeleton import files
from dlp.stores.sqlite import SqliteStore

app = typer.Typer()


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where to.")] = Path(),
    *,
    pack: Annotated[
        str, typer.Option(metavar="NAME,NAME…", help=f"Packs for the first policy: {', '.join(BUNDLED)}.")
    ] = "",
    json: Json = False,
) -> None:
    """Write commented settings, a first policy and its test; make a key, a store and an authority.

    The first policy uses the packs that are named, whose rules add up and never weaken each other. What is there
    already is kept, so that it can be run again to add what is missing.
    """
    names = [name.strip() for name in pack.split(",") if name.strip()]
    texts = files(names)
    if names and (folder / "policy.yaml").exists():
        _too_late(folder / "policy.yaml", names)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        made = _write(folder, ["dlp.yaml"], texts)
        settings = load_settings(folder / "dlp.yaml")
        if settings.policy == folder / "policy.yaml":  # settings that were here before may name another
            made += _write(folder, ["policy.yaml", "policy.test.yaml"], texts)
        elif names:
            _too_late(settings.policy, names)
        # The folder keeps the key and, sealed under it, every value: nobody else has any business here.
        settings.state.mkdir(mode=0o700, parents=True, exist_ok=True)
        settings.state.chmod(0o700)
    except OSError as error:
        raise ConfigError(f"{error.filename}: cannot be written: {error.strerror}") from error
    made += _make(settings)
    # Compiling all patterns takes seconds; kept, it lets the first `dlp up` be ready at once.
    build_classifier(classifier_config(settings, load_policy(settings.policy, packs=PACKS))).narrow()
    if json:
        say_json({"made": [str(path) for path in made]})
        return
    for path in made:
        say(f"made  {path}")
    say("\nNext: read policy.yaml, then `dlp up`, then `dlp doctor`." if made else "Everything was there already.")


def _too_late(policy: Path, names: Sequence[str]) -> NoReturn:
    raise ConfigError(f"--pack: {policy} is there already and is kept; name the packs in it: use: [{', '.join(names)}]")


def _write(folder: Path, names: Sequence[str], texts: Mapping[str, str]) -> list[Path]:
    missing = [folder / name for name in names if not (folder / name).exists()]
    for path in missing:
        path.write_text(texts[path.name], "utf-8")
    return missing


def _make(settings: Settings) -> list[Path]:
    made = []
    key, store, authority = key_file(settings), store_file(settings), ca.files(settings.state)
    if not key.exists():
        if store.exists():
            raise ConfigError(
                f"{key}: it is gone, and {store} cannot be read without it; restore it, or move both away"
            )
        create_key(key)
        made.append(key)
    if not store.exists():
        SqliteStore(store).close()
        made.append(store)
    if not authority.key.exists():
        made.append(ca.create(settings.state, time.time).key)
    return made
