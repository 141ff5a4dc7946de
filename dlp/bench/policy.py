"""The one function that decides, and the loader: what rules cost when there are many, and whether the packs are tested.

All times are CPU time of this thread, each the median of rounds that alternate between what is compared. Messages carry
ten labels. A message is *like one before* if its labels are of the same classes, states and sources in the same order,
whatever its facts; most traffic is, since programs repeat themselves. With labels *in any order*, hardly any message of
the round is like another. Where rules *ask for the part*, each label stands in a part of its own, new in each message.
A policy of which nothing was asked yet decides its first message at the price printed last.
"""

import itertools
import random
import statistics
import time
from collections.abc import Sequence
from pathlib import Path

from dlp.bench.report import Row, at_least, at_most, document, progress, row
from dlp.core.label import RAW, SANDBOX, DataClass
from dlp.core.message import Fact
from dlp.core.policy import Flow, Policy, Route, decide
from dlp.policy.case import case_of
from dlp.policy.load import load_policy
from dlp.policy.rehearse import load_rehearsal
from dlp.policy.seen import Seen, seen

LABELS = 10
MATCHING = 10
SIZES = (10, 100, 1_000, 10_000)
MESSAGES = 400
ROUNDS = 15
NOW = 1_800_000_000.0

_CHECKOUT = Path(__file__).parents[2]
RULINGS = _CHECKOUT / "tests" / "rulings"
"""The packs' own tests; an installed package does not have them."""

type Judged = tuple[list[Flow], dict[str, Fact]]


def run(rounds: int = ROUNDS, sizes: Sequence[int] = SIZES) -> dict[str, object]:
    """Measure everything, with policies of so many rules where it is about their number; return the rows."""
    rows = [*_deciding(rounds), *_flat(rounds, sizes), *_loading(rounds, sizes), *_coverage()]
    return document("policy", rows)


# --- policies and messages --------------------------------------------------------------------------------------------


def policy_text(rules: int, *, one_sink: bool = False, part: bool = False) -> str:
    """Return a policy with this many rules on a hundred destinations, or on one.

    On a hundred, the first ten rules are about the first destination and a class of `labels` each; on one, each class
    of a hundred has a hundredth of all rules. Every second rule asks for the amount, or for the part.
    """
    classes = "".join(f"  kind.c{number}: {{}}\n" for number in range(100))
    sinks = "".join(
        f'  sink{number}: {{at: "https://s{number}.test/**", facts: {{amount: {{at: /amount, type: number}}}}}}\n'
        for number in range(100)
    )
    lines = [
        "policy: Bench",
        f"classes:\n  kind: {{level: confidential}}\n{classes}sources: {{shop: {{at: 'https://shop.test/**'}}}}",
        f"destinations:\n{sinks}rules:",
    ]
    for number in range(rules):
        sink = 0 if one_sink or number < MATCHING else 1 + number % 99
        asked = 'part matches "/items/*"' if part else f"amount > {number}"
        when = f", when: {asked}" if number % 2 else ""
        then = ("allow", "tokenize", "block")[number % 3 if when else 0]
        lines.append(f"  - {{name: rule {number}, data: kind.c{number % 100}, to: sink{sink}{when}, then: {then}}}")
    return "\n".join(lines) + "\n"


def load_text(text: str) -> Policy:
    """Return a policy from its text."""
    return load_policy(Path("bench.yaml"), packs=Path(), read=lambda _: text.encode())


def messages(policy: Policy, count: int, *, any_order: bool, seed: int = 1) -> list[Judged]:
    """Return messages to the first destination with ten labels each, and an amount and parts of their own.

    Parts are given where rules ask for them, as the pipeline does.
    """
    asked = "part" in policy.facts_used

    def part(at: int) -> str:
        return f"/items/{number.randrange(1_000_000)}/{at}" if asked else ""

    number = random.Random(seed)  # noqa: S311 - it makes load, not keys
    names = sorted(name for name in policy.classes if name.startswith("kind.c"))
    kinds = sorted(names, key=lambda name: int(name.removeprefix("kind.c")))[:LABELS]
    route, shop = Route(SANDBOX, "sink0"), Route("shop", "sink0")
    made: list[Judged] = []
    for _ in range(count):
        order: Sequence[DataClass] = number.sample(kinds, len(kinds)) if any_order else kinds
        flows = [Flow(None, RAW, route), *(Flow(kind, RAW, shop, at, part(at)) for at, kind in enumerate(order))]
        made.append((flows, {"amount": number.randrange(10_000), "method": "POST", "direction": "outbound"}))
    return made


# --- deciding ---------------------------------------------------------------------------------------------------------


def _deciding(rounds: int) -> list[Row]:
    spread = load_text(policy_text(1_000))
    one_sink = load_text(policy_text(1_000, one_sink=True))
    rows = []
    for what, policy, bar in (("ten match", spread, 25.0), ("all on one destination", one_sink, 50.0)):
        like, mixed = _medians([(policy, False), (policy, True)], rounds)
        name = f"deciding, 1,000 rules, {what}"
        rows += [
            at_most(f"{name}/like one before", like, "µs", bar),
            at_most(f"{name}/labels in any order", mixed, "µs", bar),
        ]
        progress(f"{name}: {like:.1f} µs, with labels in any order {mixed:.1f}")
    (parts,) = _medians([(load_text(policy_text(1_000, part=True)), True)], rounds)
    rows.append(at_most("deciding, 1,000 rules, ten match/rules ask for the part", parts, "µs", 25.0))
    progress(f"where rules ask for the part: {parts:.1f} µs")
    return rows


def _flat(rounds: int, sizes: Sequence[int]) -> list[Row]:
    """Return what a message costs with ten matching rules among ever more, and the largest against the smallest."""
    policies = [load_text(policy_text(size)) for size in sizes]
    rows: list[Row] = []
    for any_order, what in ((False, "like one before"), (True, "labels in any order")):
        taken = _medians([(policy, any_order) for policy in policies], rounds)
        rows += [
            row(f"deciding by number of rules, {what}/{size:,}", cost, "µs")
            for size, cost in zip(sizes, taken, strict=True)
        ]
        ratio = max(taken) / min(taken)
        rows.append(
            at_most(f"deciding by number of rules, {what}/dearest to cheapest", ratio, "times the cheapest", 1.3)
        )
        progress(f"{sizes[0]:,} to {sizes[-1]:,} rules, {what}: {ratio:.2f} times")
    first = statistics.median(_first(text) for text in [policy_text(1_000)] * 3)
    rows.append(row("deciding, 1,000 rules, ten match/the very first message", first, "µs"))
    return rows


def _first(text: str) -> float:
    policy = load_text(text)
    judged = messages(policy, 1, any_order=False)
    return _cost(policy, judged)


def _medians(cases: Sequence[tuple[Policy, bool]], rounds: int) -> list[float]:
    """Return µs of CPU a message for each policy and kind of messages; the first round of each only warms."""
    taken: list[list[float]] = [[] for _ in cases]
    seeds = itertools.count(1)
    for turn in range(rounds + 1):
        for at, (policy, any_order) in enumerate(cases):
            judged = messages(policy, MESSAGES, any_order=any_order, seed=next(seeds))
            cost = _cost(policy, judged)
            if turn:
                taken[at].append(cost)
    return [statistics.median(costs) for costs in taken]


def _cost(policy: Policy, judged: Sequence[Judged]) -> float:
    began = time.thread_time_ns()
    for flows, facts in judged:
        decide(policy, flows, facts, now=NOW)
    return (time.thread_time_ns() - began) / len(judged) / 1_000


# --- loading and coverage ---------------------------------------------------------------------------------------------


def _loading(rounds: int, sizes: Sequence[int]) -> list[Row]:
    rows = []
    for size, bar in ((1_000, 1.0), (sizes[-1], None)):
        text = policy_text(size)
        spent = statistics.median(_seconds(text) for _ in range(min(3, rounds)))
        name = f"loading/{size:,} rules"
        rows.append(row(name, spent, "s") if bar is None else at_most(name, spent, "s", bar))
        progress(f"{name}: {spent:.2f} s")
    return rows


def _seconds(text: str) -> float:
    began = time.thread_time()
    load_text(text)
    return time.thread_time() - began


def pack_coverage(rulings: Path = RULINGS, packs: Path = _CHECKOUT / "rules") -> dict[str, list[Seen]]:
    """Return what the packs' own tests show of each rule, by pack; nothing where the tests are not there."""
    if not rulings.is_dir():
        return {}
    policy = load_policy(rulings / "packs.policy.yaml", packs=packs)
    rehearsals = [load_rehearsal(path) for path in sorted(rulings.glob("*.yaml")) if ".policy." not in path.name]
    tests = [test for one in rehearsals if one.policy.name == "packs.policy.yaml" for test in one.tests]
    found: dict[str, list[Seen]] = {}
    for cover in seen(policy, [case_of(policy, test) for test in tests if not test.body]):
        pack = Path(cover.place.rpartition(":")[0])
        if pack.parent.resolve() == packs.resolve():
            found.setdefault(pack.stem, []).append(cover)
    return found


def _coverage() -> list[Row]:
    found = pack_coverage()
    rows = []
    for pack, covers in sorted(found.items()):
        both = sum(cover.both_ways for cover in covers)
        rows.append(at_least(f"rules of packs tested both ways/{pack}", 100 * both / len(covers), "%", 100.0))
    count = sum(map(len, found.values()))
    progress(f"{count} rules in {len(found)} packs" if found else "the packs' tests are not here: no coverage")
    return rows
