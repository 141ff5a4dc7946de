"""Which rules can speak for a flow at all, found without asking every rule; nothing here decides."""

from collections import defaultdict
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from typing import Protocol

from dlp.core.label import DataClass, State, ancestors

_ANY = "*"
_KEPT = 8192
"""Answers kept; there are few distinct (class, state, route) in real traffic, and more than this are asked anew."""


class Statement(Protocol):
    """What the index reads of a rule; `core.policy.Rule` says what the fields mean."""

    @property
    def labelled(self) -> bool:
        """Whether it is about classes at all."""
        ...

    @property
    def classes(self) -> AbstractSet[DataClass]:
        """The classes it names; none: any."""
        ...

    @property
    def states(self) -> AbstractSet[State]:
        """The states it names; none: any."""
        ...

    @property
    def sources(self) -> AbstractSet[str]:
        """The sources it names; none: any."""
        ...

    @property
    def sinks(self) -> AbstractSet[str]:
        """The sinks it names; none: any."""
        ...


class RuleIndex[R: Statement]:
    """Rules by (class, sink); a flow asks for its class's ancestors and its sink's ancestors."""

    def __init__(self, rules: Iterable[R]) -> None:
        self._rules: defaultdict[tuple[str | None, str], dict[int, R]] = defaultdict(dict)
        for position, rule in enumerate(rules):
            kinds: Iterable[str | None] = rule.classes or (_ANY if rule.labelled else None,)
            for kind in kinds:
                for sink in rule.sinks or (_ANY,):
                    self._rules[kind, sink][position] = rule
        self._rules.default_factory = None
        self._answers: dict[object, tuple[tuple[R, bool], ...]] = {}

    def candidates(
        self, data_class: DataClass | None, state: State, source: str, sink: str | None, possible: AbstractSet[str]
    ) -> tuple[tuple[R, bool], ...]:
        """Return the rules whose class, state, source and sink match, in their order.

        The flag is False where only a possible sink matches: whether the rule speaks is then unknown.
        """
        key = (data_class, state, source, sink, possible)
        answer = self._answers.get(key)
        if answer is None:
            if len(self._answers) >= _KEPT:
                self._answers.clear()
            answer = self._answers[key] = self._look_up(data_class, state, source, sink, possible)
        return answer

    def _look_up(
        self, data_class: DataClass | None, state: State, source: str, sink: str | None, possible: AbstractSet[str]
    ) -> tuple[tuple[R, bool], ...]:
        kinds = (None,) if data_class is None else (*ancestors(data_class), _ANY)
        certain = (_ANY, *(ancestors(sink) if sink is not None else ()))
        maybe = {wider for name in possible for wider in ancestors(name)}
        found: dict[int, tuple[R, bool]] = {}
        for sinks, sure in ((maybe, False), (certain, True)):  # what is certain overwrites what is possible
            for kind in kinds:
                for name in sinks:
                    found.update({at: (rule, sure) for at, rule in self._rules.get((kind, name), {}).items()})
        origins = set(ancestors(source))
        return tuple(
            (rule, sure)
            for _, (rule, sure) in sorted(found.items(), key=lambda item: item[0])
            if (not rule.states or state in rule.states) and (not rule.sources or origins & rule.sources)
        )
