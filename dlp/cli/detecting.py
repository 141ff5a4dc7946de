"""Settings of the detecting plugin in the policy's words: classes become entities, files are beside the settings."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from dlp.core.errors import ConfigError
from dlp.core.policy import Policy

_BY_CLASS = ("allow", "exclude")
_FILES = ("recognizers", "model")
_EVERY = "any"


def in_entities(given: Mapping[str, object], policy: Policy, folder: Path) -> dict[str, object]:
    """Return settings whose `allow` and `exclude` are by entity where they were by class, which covers narrower ones.

    A file or folder that is there beside the settings is named by its whole path.

    Raises:
        ConfigError: a name is no entity (`EMAIL_ADDRESS`), no class of the policy and not `any`.

    """
    made = dict(given)
    for key in _BY_CLASS:
        lists = made.get(key)
        if isinstance(lists, Mapping):
            made[key] = _by_entity(key, lists, policy)
    for key in _FILES:
        name = made.get(key)
        if isinstance(name, str) and (folder / name).exists():
            made[key] = str(folder / name)
    return made


def _by_entity(key: str, lists: Mapping[object, object], policy: Policy) -> dict[str, object]:
    found: dict[str, object] = {}
    for name, values in lists.items():
        for entity in _entities(key, str(name), policy):
            before = found.get(entity, [])
            both = isinstance(before, Sequence) and isinstance(values, Sequence) and not isinstance(values, str)
            found[entity] = [*before, *values] if both else values  # type: ignore[misc]  # both are lists
    return found


def _entities(key: str, name: str, policy: Policy) -> Sequence[str]:
    if name == _EVERY or name.isupper():
        return [name]
    classes = [spec for spec in policy.classes.values() if spec.name == name or spec.name.startswith(f"{name}.")]
    entities = sorted({entity for spec in classes for entity in spec.entities})
    if not entities:
        raise ConfigError(
            f"plugin dlp_presidio: {key}: {name}: expected a class that classifiers recognise, an entity or "
            f"{_EVERY}, got {'a class without entities' if classes else 'an unknown name'}; known classes: "
            f"{', '.join(sorted(spec.name for spec in policy.classes.values() if spec.entities))}"
        )
    return entities
