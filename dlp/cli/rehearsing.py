"""Runs rule tests: those given by labels through the deciding function, those with real bodies through a whole wall."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from dlp.cli.app import classifier_config
from dlp.cli.shipped import PACKS
from dlp.config import Settings
from dlp.core.errors import PolicyError
from dlp.core.message import Direction
from dlp.core.policy import Policy
from dlp.engine.audit import as_event
from dlp.engine.replay import case_of as case_of_record
from dlp.engine.replay import recorded
from dlp.engine.vault import Origin
from dlp.policy.case import Case, case_of
from dlp.policy.load import load_policy
from dlp.policy.rehearse import RuleTest, check, load_rehearsal, ruling_for
from dlp.testing.wall import Wall


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one test; it passed if nothing differs. `case` is what was decided on, None where nothing was."""

    name: str
    place: str
    differences: tuple[str, ...]
    case: Case | None = field(default=None, repr=False)


def tests_beside(policy: Path) -> Path | None:
    """Return the file with a policy's tests that stands beside it, if there is one."""
    path = policy.with_name(f"{policy.stem}.test.yaml")
    return path if path.is_file() else None


def run_file(path: Path, settings: Settings | None, policy: Policy | None = None) -> Iterator[Result]:
    """Yield the results of a file of rule tests, under the policy that it names or under another one.

    Raises:
        PolicyError: the file, or the policy that it names, cannot be loaded.

    """
    rehearsal = load_rehearsal(path)
    loaded = policy or load_policy(rehearsal.policy, packs=PACKS)
    walls: list[Wall] = []  # one for the file: its classifier takes a while to make
    for one in rehearsal.tests:
        yield run_test(loaded, one, settings, walls)


def run_test(policy: Policy, one: RuleTest, settings: Settings | None, walls: list[Wall]) -> Result:
    """Return the result of one test; a wall that it takes is put into `walls`, or taken from there."""
    if not one.body:
        return Result(one.name, one.place, tuple(check(one, ruling_for(policy, one))), case_of(policy, one))
    if not walls:
        walls.append(_wall(policy, settings))
    differences, case = _played(walls[0], one)
    return Result(one.name, one.place, tuple(differences), case)


def tested(policy: Policy, path: Path, files: Iterable[Path], settings: Settings | None) -> list[Result]:
    """Return the results of those test files that are about the policy at `path`."""
    about = path.resolve()
    return [
        result
        for file in files
        if load_rehearsal(file).policy.resolve() == about
        for result in run_file(file, settings, policy)
    ]


def _wall(policy: Policy, settings: Settings | None) -> Wall:
    if settings is None:
        return Wall(policy)
    config = classifier_config(settings, policy)
    return Wall(policy, plugins=config.plugins, cache=config.cache)


def _played(wall: Wall, one: RuleTest) -> tuple[list[str], Case | None]:
    """Return how what a real wall does with a real body differs from what was expected, and what it decided on."""
    session = wall.open(one.agent or "bot", one.purpose, **one.trusted)
    for label in one.taint:
        wall.engine.past(session.id).ledger.taint(label, Origin())
    wall.while_held = lambda approval: _review(wall, approval, one.reviewed_by)
    cross = wall.send if one.direction is Direction.OUTBOUND else wall.receive
    request = f"{one.endpoint.operation} {one.endpoint.upstream}{one.endpoint.path}"
    if one.body == "json":
        crossing = cross(session, request, json=one.content)
    else:
        crossing = cross(session, request, body=str(one.content))
    entry, expected = wall.log[-1], one.expected
    verdicts = {entry.verdict, *(note.transform for note in entry.labels if note.transform)}
    missing = "; ".join(() if crossing.passed else crossing.refusal.missing)
    differences = []
    if expected.verdict not in verdicts:
        differences.append(f"expected the verdict {expected.verdict}, got {' '.join(sorted(verdicts))}")
    if expected.rule and expected.rule != entry.reason:
        differences.append(f"expected the rule {expected.rule}, got {entry.reason or 'none'}")
    differences += [
        f"expected {one} to be missing, got {missing or 'nothing'}" for one in expected.missing if one not in missing
    ]
    matched = ", ".join(entry.rules) or "none"
    differences += [
        f"expected the rule {rule} to match, got {matched}" for rule in expected.matches if rule not in entry.rules
    ]
    record = recorded(as_event(entry), lambda _: one.trusted)
    return differences, None if record is None else case_of_record(wall.policy, record)


def _review(wall: Wall, approval: str, reviewers: Iterable[str]) -> None:
    asked = wall.approvals.status(approval)
    for reviewer in reviewers:
        if asked and reviewer in asked.approvers:
            wall.approvals.answer(approval, approve=True, by=reviewer)
            return


def load_or_none(path: Path) -> Policy | None:
    """Return the policy in a file, None where it cannot be loaded."""
    try:
        return load_policy(path, packs=PACKS)
    except PolicyError:
        return None
