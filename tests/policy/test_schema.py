"""The schema says no less than the loader knows, and nothing that we ship is refused by it."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from dlp.policy import files
from dlp.policy.load import load_policy
from dlp.policy.schema import Schema, schema
from dlp.strict_yaml import load, plain

ROOT = Path(__file__).parents[2]
PACKS = ROOT / "rules"
SHIPPED = [
    *sorted(PACKS.glob("*.yaml")),
    *sorted((PACKS / "stories").glob("*.yaml")),
    *sorted((ROOT / "tests" / "rulings").glob("*.policy.yaml")),
]


KNOWN = re.compile(
    r"type|properties|additionalProperties|required|items|enum|anyOf|pattern|propertyNames|\$schema|title|description"
    r"|m(in|ax)(Items|Length|Properties)"
)
TYPES = {"string": str, "object": dict, "array": list, "boolean": bool, "number": int | float}
MOST = 10**9


def wrong(thing: object, by: Schema, at: str = "") -> Iterator[str]:
    """Yield where a thing is not what a schema says: the few keywords that ours uses."""
    assert all(KNOWN.fullmatch(key) for key in by)
    if "type" in by:
        names = by["type"] if isinstance(by["type"], list) else [by["type"]]
        if not any(isinstance(thing, TYPES[name]) for name in names):
            yield f"{at}: no {names}"
            return
    ways = [list(wrong(thing, one, at)) for one in by.get("anyOf", ())]
    if thing not in by.get("enum", [thing]) or (ways and all(ways)):
        yield f"{at}: nothing fits"
    match thing:
        case str():
            fits = by.get("minLength", 0) <= len(thing) <= by.get("maxLength", MOST)
            if not fits or not re.search(by.get("pattern", ""), thing):
                yield f"{at}: length or pattern"
        case list():
            if len(thing) < by.get("minItems", 0):
                yield f"{at}: too few"
            for number, item in enumerate(thing):
                yield from wrong(item, by.get("items", {}), f"{at}/{number}")
        case dict():
            yield from wrong_members(thing, by, at)


def wrong_members(thing: dict[str, object], by: Schema, at: str) -> Iterator[str]:
    if not by.get("minProperties", 0) <= len(thing) <= by.get("maxProperties", MOST):
        yield f"{at}: {len(thing)} members"
    yield from (f"{at}: {name} is missing" for name in by.get("required", ()) if name not in thing)
    for name, item in thing.items():
        yield from wrong(name, by.get("propertyNames", {}), f"{at}/{name}")
        below = by.get("properties", {}).get(name, by.get("additionalProperties", {}))
        if below is False:
            yield f"{at}: unknown {name}"
        else:
            yield from wrong(item, below, f"{at}/{name}")


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_whatever_we_ship_fits(path: Path):
    content = plain(load(path.read_bytes(), str(path)))
    assert list(wrong(content, schema())) == []
    assert list(wrong(content, schema(load_policy(path, packs=PACKS)))) == []


def test_every_key_that_the_loader_knows_is_in_it():
    assert list(schema()["properties"]) == list(files.KEYS)


def test_every_key_is_described_by_more_than_its_name():
    top = schema()["properties"]
    assert [name for name, one in top.items() if not one] == []
    items = {
        "exception": top["exceptions"]["items"]["properties"],
        "limits": top["limits"]["properties"],
        "data flow": top["data_flows"]["items"]["properties"],
        "rule": top["rules"]["items"]["properties"],
        "class": top["classes"]["additionalProperties"]["properties"],
        "source": top["sources"]["additionalProperties"]["properties"],
        "destination": top["destinations"]["additionalProperties"]["properties"],
    }
    assert [(what, name) for what, found in items.items() for name, one in found.items() if not one] == []


@pytest.mark.parametrize(
    "text",
    [
        "policy: p\nruls: []\n",
        "policy: p\nrules: []\n",
        "policy: p\nrules: [{name: a}]\n",
        "policy: p\nmode: watch\n",
        "policy: p\nclasses: {a: {level: secret}}\n",
        "policy: p\nrules: [{name: a, data: pii, then: block, unless: [{to: x, when: y}]}]\n",
        "policy: 3\n",
    ],
)
def test_mistakes_do_not_fit(text: str):
    assert list(wrong(plain(load(text, "p.yaml")), schema()))


def test_names_of_a_policy_are_what_an_editor_offers():
    policy = load_policy(PACKS / "stories" / "hr-raw.yaml", packs=PACKS)
    rule = schema(policy)["properties"]["rules"]["items"]["properties"]
    assert "slack.hr" in rule["to"]["anyOf"][0]["enum"]
    assert {"any", "pii", "employee.pay"} <= set(rule["data"]["anyOf"][0]["enum"])
    assert "anonymised" in rule["then"]["enum"]
