"""Classifying as one pure composition of scan and plugins, the same in the proxy's loop and in a worker process."""

import gc
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from dlp.core.finding import Confidence, Finding
from dlp.core.label import DataClass
from dlp.core.message import Block, Direction, Endpoint, Message, Part
from dlp.core.policy import ClassSpec
from dlp.core.ports import Hit, Pattern
from dlp.engine.scan import Scanner
from dlp.hooks.host import Host, load_host

MODEL_ENTITIES = frozenset({"PERSON", "LOCATION", "NRP", "ORGANIZATION"})
"""What only a language model can find in free text."""

_NOWHERE = Endpoint("", "", "")
_RANK = {Confidence.LOW: 0, Confidence.MEDIUM: 1, Confidence.HIGH: 2}
_BANDS = tuple(_RANK)
_REMEMBERED = 4096


class Classifier:
    """What a policy's classes see in a text: the scan, the plugins' classifiers, and entities mapped to classes.

    Not for two threads at once.
    """

    def __init__(self, host: Host, classes: Iterable[ClassSpec], cache: Path | None = None) -> None:
        """Take the plugins and the policy's classes; `cache` is a folder that keeps the compiled scan."""
        self._host = host
        self._classes: dict[str, list[tuple[DataClass, int]]] = {}
        for spec in classes:
            least = _RANK[Confidence(spec.at_least)]
            self._classes.setdefault(spec.name, []).append((spec.name, 0))
            for entity in spec.entities:
                self._classes.setdefault(entity, []).append((spec.name, least))
        self._asked = {
            name: _BANDS[min(least for _, least in classes_of)] for name, classes_of in self._classes.items()
        }
        self._lifting = {name for own in host.patterns().values() for pattern in own for name in pattern.lifted_by}
        self._scanner = scanner = Scanner(host.patterns(), cache, enough=self._is_enough, wanted=self._is_wanted)
        self._clean: OrderedDict[object, None] = OrderedDict()
        self.always = scanner.always or bool(host.unpatterned)
        self.needs_model = scanner.slow

    def narrow(self) -> None:
        """Have `clean` answer in half the time; see `Scanner.narrow`."""
        self._scanner.narrow()

    def _is_wanted(self, pattern: Pattern) -> bool:
        """Say whether a match can lead to, or lift, a finding that the policy asks for."""
        if pattern.finds and pattern.finds not in self._classes:
            return False
        too_low = pattern.alone is not None and not pattern.lifted_by and not self._is_enough(pattern)
        return not too_low or pattern.name in self._lifting

    def _is_enough(self, pattern: Pattern) -> bool:
        """Say whether a match of this pattern alone could become a finding of the policy."""
        if pattern.alone is None:
            return False
        rank = _RANK[pattern.alone]
        return not pattern.finds or any(rank >= least for _, least in self._classes[pattern.finds])

    def clean(self, block: Block) -> bool:
        """Return whether a look at the block's surface is enough to say that no classifier sees anything in it.

        That a block with a key is clean is remembered.
        """
        if block.key is None:
            return self._is_clean(block)
        if block.key in self._clean:
            self._clean.move_to_end(block.key)
            return True
        if self._is_clean(block):
            self.remember_clean(block)
            return True
        return False

    def clean_apart(self, block: Block) -> bool:
        """Return what `clean` does for a block without a key, in one other thread than all else."""
        return not self.always and block.surface is not None and not self._scanner.scan(block.surface, apart=True)

    def remember_clean(self, block: Block) -> None:
        """Keep in mind that `block`, which has a key, was classified and nothing was found."""
        if block.key is not None:
            self._clean[block.key] = None
            if len(self._clean) > _REMEMBERED:
                self._clean.popitem(last=False)

    def _is_clean(self, block: Block) -> bool:
        return not self.always and block.surface is not None and not self._scanner.scan(block.surface)

    def classify(
        self, parts: Sequence[Part], *, direction: Direction = Direction.OUTBOUND, endpoint: Endpoint = _NOWHERE
    ) -> list[Finding]:
        """Return all findings in `parts`, as classes of the policy; those that overlap are all kept.

        Raises:
            PluginError: a classifier failed; what it would have found is not known.

        """
        hits = self._scanner.hits(parts)
        if not hits and not self._host.unpatterned:
            return []
        given = tuple(parts)
        message = Message(direction, endpoint, (Block(lambda: given),))
        return self._mapped(self._host.classify(message, hits, self._asked))

    def warm(self) -> None:
        """Have every classifier load what it loads on first use."""
        part = Part("", "warm")
        message = Message(Direction.OUTBOUND, _NOWHERE, (Block(lambda: (part,)),))
        hits = {
            plugin: [Hit(0, pattern.name, -1) for pattern in patterns]
            for plugin, patterns in self._host.patterns().items()
        }
        self._host.classify(message, hits)

    def _mapped(self, findings: Iterable[Finding]) -> list[Finding]:
        """Return findings of entities as findings of the classes that name them; what no class names is dropped."""
        known = self._classes
        mapped = [
            finding if finding.data_class == name else replace(finding, data_class=name)
            for finding in findings
            for name, least in known.get(finding.data_class, ())
            if _RANK[finding.confidence] >= least
        ]
        return list(dict.fromkeys(mapped))


@dataclass(frozen=True, slots=True)
class ClassifierConfig:
    """All that a worker process needs to build the same classifier as its parent; it can be pickled."""

    plugins: tuple[tuple[str, Mapping[str, object]], ...]
    classes: tuple[ClassSpec, ...]
    cache: Path | None = None


def build_classifier(config: ClassifierConfig) -> Classifier:
    """Return a classifier of its own, plugins loaded anew."""
    return Classifier(load_host(config.plugins), config.classes, config.cache)


_worker: list[Classifier] = []


def worker_init(config: ClassifierConfig) -> None:
    """Make this process a worker: build its classifier and load what it needs (the language model too)."""
    classifier = build_classifier(config)
    classifier.warm()
    _worker[:] = [classifier]
    gc.freeze()  # all this lives as long as the worker: to go through it again and again takes 100 ms each time


def worker_classify(parts: Sequence[Part]) -> list[Finding]:
    """Return the findings in `parts`, in a process that `worker_init` prepared."""
    if not _worker:
        msg = "this process is no worker: call worker_init first"
        raise RuntimeError(msg)
    return _worker[0].classify(parts)
