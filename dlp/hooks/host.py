"""Load, check and call plugins. This is where what pluggy would let pass is refused; nothing else knows pluggy."""

import functools
import inspect
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any

import pluggy

from dlp.core.errors import ConfigError, PluginError, StoreError
from dlp.core.finding import Confidence, Finding
from dlp.core.label import RAW
from dlp.core.message import Endpoint, Fact, Facts, Message
from dlp.core.policy import Flow, Ruling
from dlp.core.ports import Asked, AuditEntry, Hits, Pattern, SessionVault, Store
from dlp.hooks import spec

GROUP = "dlp"
"""The entry point group in which plugins register themselves."""

HOOKS = tuple(name for name, member in vars(spec).items() if hasattr(member, f"{spec.PROJECT}_spec"))


@dataclass(frozen=True, slots=True)
class Plugin:
    """A loaded plugin: its entry point's name, the distribution it came from, and the hooks it implements."""

    name: str
    distribution: str
    version: str
    hooks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Call:
    """One implementation of one hook, ready to be called."""

    plugin: str
    hook: str
    function: Callable[..., Any]
    arguments: tuple[str, ...]


class Host:
    """The loaded plugins, in the order the configuration lists them. It calls them and trusts nothing they return."""

    def __init__(self, plugins: Sequence[Plugin], calls: Mapping[str, Sequence[_Call]]) -> None:
        self.plugins = tuple(plugins)
        self._calls = {hook: tuple(calls.get(hook, ())) for hook in HOOKS}
        self._patterns = {plugin.name: () for plugin in plugins} | {
            call.plugin: tuple(_listed(call, Pattern)) for call in self._calls["patterns"]
        }
        for plugin, patterns in self._patterns.items():
            names = [pattern.name for pattern in patterns]
            if len(set(names)) < len(names):
                raise PluginError(f"plugin {plugin}: patterns: two patterns have the same name; each needs its own")
            known = set(names)
            for pattern in patterns:
                if missing := set(pattern.lifted_by) - known:
                    raise PluginError(
                        f"plugin {plugin}: patterns: {pattern.name}: lifted_by names {sorted(missing)}, "
                        f"which are not patterns of this plugin"
                    )
        self._patterned = frozenset(call.plugin for call in self._calls["patterns"])

    @functools.cached_property
    def describes(self) -> bool:
        """Whether any plugin states facts of messages."""
        return bool(self._calls["describe"])

    def patterns(self) -> dict[str, tuple[Pattern, ...]]:
        """Return the patterns of each plugin, by the plugin's name; asked for once, at load."""
        return dict(self._patterns)

    @functools.cached_property
    def unpatterned(self) -> tuple[str, ...]:
        """The plugins that classify without patterns, and so have to see every message."""
        return tuple(call.plugin for call in self._calls["classify"] if call.plugin not in self._patterned)

    def classify(self, message: Message, hits: Mapping[str, Hits], asked: Asked = None) -> list[Finding]:
        """Return the findings of all classifiers. A plugin with patterns is asked only where one of them may match.

        Raises:
            PluginError: a classifier raised, returned None, or reported a finding that does not fit the message.

        """
        found: list[Finding] = []
        for call in self._calls["classify"]:
            own = hits.get(call.plugin, ())
            if own or call.plugin not in self._patterned:
                result = _listed(call, Finding, message=message, hits=own, asked=asked)
                found += [_checked(call, finding, message) for finding in result]
        return found

    def catalog(self) -> list[Path]:
        """Return the YAML files that plugins bring along."""
        return [path for call in self._calls["catalog"] for path in _listed(call, Path)]

    def describe(self, message: Message, endpoint: Endpoint) -> dict[str, Fact]:
        """Return the facts plugins add. Where two name the same fact, the plugin listed first is believed."""
        facts: dict[str, Fact] = {}
        for call in self._calls["describe"]:
            answer = _run(call, message=message, endpoint=endpoint)
            if answer is None:
                continue
            if not isinstance(answer, Mapping):
                raise PluginError(f"{_of(call)}: expected a mapping of facts or None, got {_kind(answer)}")
            for name, fact in answer.items():
                if not isinstance(name, str) or not _is_fact(fact):
                    raise PluginError(
                        f"{_of(call)}: expected text, number, boolean or a tuple of texts under a text name, "
                        f"got {_kind(fact)} under {_kind(name)}"
                    )
                facts.setdefault(name, fact)
        return facts

    def rule(self, flow: Flow, flows: Sequence[Flow], facts: Facts) -> list[Ruling]:
        """Return what plugins rule on one of the message's flows; each ruling carries its plugin's name."""
        rulings = []
        for call in self._calls["rule"]:
            answer = _run(call, flow=flow, flows=flows, facts=facts)
            if answer is None:
                continue
            if not isinstance(answer, Ruling):
                raise PluginError(f"{_of(call)}: expected a Ruling or None, got {_kind(answer)}")
            rulings.append(replace(answer, rule=answer.rule or call.plugin))
        return rulings

    @property
    def rules(self) -> bool:
        """Whether any plugin rules on flows; without one nobody has to be asked."""
        return bool(self._calls["rule"])

    def transform(self, name: str, finding: Finding, text: str, vault: SessionVault) -> str:
        """Return what replaces `text`, from the first plugin that claims `name`.

        Raises:
            PluginError: nobody claims it, or who does raises or gives something other than text.

        """
        for call in self._calls["transform"]:
            answer = _run(call, name=name, finding=finding, text=text, vault=vault)
            if isinstance(answer, str):
                return answer
            if answer is not None:
                raise PluginError(f"{_of(call)}: expected text or None, got {_kind(answer)}")
        asked = ", ".join(call.plugin for call in self._calls["transform"]) or "no plugin transforms at all"
        raise PluginError(
            f'transform "{name}" of class {finding.data_class}: no plugin claims it (asked: {asked}); '
            f"load the plugin that does, or name another transform in the rule"
        )

    def record(self, entry: AuditEntry) -> None:
        """Show an audit entry to whoever observes. An observer that fails is an error like any other."""
        for call in self._calls["record"]:
            _run(call, entry=entry)

    def open_store(self, url: str) -> Store | None:
        """Return the store behind `url`, from the first plugin that knows it; None where nobody does."""
        for call in self._calls["open_store"]:
            store: Store | None = _run(call, url=url)
            if store is not None:
                return store
        return None


def load_host(plugins: Sequence[tuple[str, Mapping[str, object]]]) -> Host:
    """Load the plugins of these names, found by entry point, each with its settings, and only these.

    Raises:
        PluginError: a plugin is not installed, cannot be imported, or would fail open.
        ConfigError: a plugin does not accept its settings.

    """
    manager = pluggy.PluginManager(spec.PROJECT)
    manager.add_hookspecs(spec)
    loaded: list[Plugin] = []
    calls: dict[str, list[_Call]] = {hook: [] for hook in HOOKS}
    for name, settings in plugins:
        if any(plugin.name == name for plugin in loaded):
            raise ConfigError(f'plugins: "{name}" is listed twice; list it once')
        entry = _entry_point(name)
        own = _register(manager, name, _import(entry))
        for call in own:
            calls[call.hook].append(call)
        distribution = entry.dist
        loaded.append(
            Plugin(
                name,
                distribution.name if distribution else "",
                distribution.version if distribution else "",
                tuple(sorted({call.hook for call in own})),
            )
        )
        _configure(name, [call for call in own if call.hook == "configure"], settings)
    return Host(loaded, calls)


def installed() -> tuple[str, ...]:
    """Return the names of all plugins that could be loaded here, in order of the alphabet."""
    return tuple(sorted({entry.name for entry in metadata.entry_points(group=GROUP)}))


def host_of(name: str, plugin: ModuleType, settings: Mapping[str, object]) -> Host:
    """Return a host with one plugin that need not be installed: for its author's tests.

    Raises:
        PluginError: the module would be refused.
        ConfigError: it does not accept its settings.

    """
    manager = pluggy.PluginManager(spec.PROJECT)
    manager.add_hookspecs(spec)
    own = _register(manager, name, plugin)
    _configure(name, [call for call in own if call.hook == "configure"], settings)
    hooks = tuple(sorted({call.hook for call in own}))
    return Host([Plugin(name, "", "", hooks)], {hook: [c for c in own if c.hook == hook] for hook in HOOKS})


def _entry_point(name: str) -> metadata.EntryPoint:
    found = {
        (entry.value, entry.dist.name if entry.dist else ""): entry
        for entry in metadata.entry_points(group=GROUP, name=name)
    }
    if not found:
        raise PluginError(
            f'plugin {name}: no installed package has an entry point "{name}" in the group "{GROUP}"; '
            f"installed: {', '.join(installed()) or 'none'}"
        )
    if len(found) > 1:
        homes = ", ".join(sorted(home or "?" for _, home in found))
        raise PluginError(f"plugin {name}: several packages register this name ({homes}); remove all but one")
    return next(iter(found.values()))


def _import(entry: metadata.EntryPoint) -> ModuleType:
    try:
        plugin = entry.load()
    except Exception as error:
        raise PluginError(f"plugin {entry.name}: cannot import {entry.value}: {_place(error)}: {error}") from error
    if not isinstance(plugin, ModuleType):
        raise PluginError(f"plugin {entry.name}: {entry.value} is {_kind(plugin)}; expected a module with hooks")
    return plugin


def _register(manager: pluggy.PluginManager, name: str, plugin: ModuleType) -> list[_Call]:
    """Return the calls into one plugin, after refusing what would fail open."""
    for hook in HOOKS:
        function = vars(plugin).get(hook)
        if (
            inspect.isfunction(function)
            and function.__module__ == plugin.__name__
            and not hasattr(function, f"{spec.PROJECT}_impl")
        ):
            raise PluginError(
                f"plugin {name}: {hook}: a function with a hook's name but no @hookimpl; add it, or rename the function"
            )
    try:
        manager.register(plugin, name)
    except pluggy.PluginValidationError as error:
        raise PluginError(f"plugin {name}: {' '.join(str(error).split())}") from error
    except ValueError as error:
        raise PluginError(f"plugin {name}: its module is loaded under another name already") from error
    pairs = [
        (caller.name, impl)
        for caller in manager.get_hookcallers(plugin) or ()
        for impl in caller.get_hookimpls()
        if impl.plugin is plugin
    ]
    if not pairs:
        raise PluginError(f"plugin {name}: it implements no hook; mark its functions with dlp.hooks.spec.hookimpl")
    for hook, impl in pairs:
        if hook not in HOOKS:
            raise PluginError(f'plugin {name}: unknown hook "{hook}"; known: {", ".join(HOOKS)}')
        _refuse_failing_open(name, hook, impl, getattr(manager.hook, hook))
    try:
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        raise PluginError(f"plugin {name}: {' '.join(str(error).split())}") from error
    return [_Call(name, hook, impl.function, tuple(impl.argnames)) for hook, impl in pairs]


def _refuse_failing_open(name: str, hook: str, impl: pluggy.HookImpl, caller: pluggy.HookCaller) -> None:
    where = f"plugin {name}: {hook}"
    if impl.hookwrapper or impl.wrapper:
        raise PluginError(f"{where}: a wrapper could drop what other plugins report; write a plain function")
    if impl.optionalhook:
        raise PluginError(f"{where}: optionalhook would hide a misspelt name; remove it")
    function = inspect.unwrap(impl.function)
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        raise PluginError(f"{where}: async functions are never awaited here; write a plain function")
    known = caller.spec.argnames if caller.spec else ()
    if hidden := [argument for argument in impl.kwargnames if argument in known]:
        raise PluginError(
            f"{where}: {', '.join(hidden)} has a default value and would never be given; remove the default"
        )


def _configure(name: str, calls: Iterable[_Call], settings: Mapping[str, object]) -> None:
    taken = False
    for call in calls:
        taken = True
        try:
            call.function(*[settings for _ in call.arguments])
        except ConfigError:
            raise
        except Exception as error:
            raise PluginError(f"{_of(call)}: {_place(error)}; raise ConfigError for a wrong setting") from error
    if settings and not taken:
        raise ConfigError(f"plugin {name}: it takes no settings, got {', '.join(sorted(settings))}; remove them")


def _run(call: _Call, **arguments: object) -> Any:
    """Return what an implementation returns; what it raises becomes a PluginError without the exception's text."""
    try:
        return call.function(*[arguments[name] for name in call.arguments])
    except StoreError:
        raise  # a vault that cannot write is for operations, not for the plugin's author
    except Exception as error:  # noqa: BLE001  any failure of a plugin refuses its message
        # `from None`: the text of what was raised may hold a value, and would be printed with the chain.
        raise PluginError(f"{_of(call)}: {_place(error)}") from None


def _listed[T](call: _Call, kind: type[T], **arguments: object) -> list[T]:
    """Return the items an implementation gives, each of `kind`."""
    answer = _run(call, **arguments)
    if answer is None or isinstance(answer, str | bytes | Mapping):
        raise PluginError(f"{_of(call)}: expected an iterable of {kind.__name__}, got {_kind(answer)}")
    try:
        items = list(answer)
    except Exception as error:  # noqa: BLE001  a generator runs its body here
        raise PluginError(f"{_of(call)}: {_place(error)}") from None
    for item in items:
        if not isinstance(item, kind):
            raise PluginError(f"{_of(call)}: expected {kind.__name__}, got {_kind(item)}")
    return items


def _checked(call: _Call, finding: Finding, message: Message) -> Finding:
    """Return a finding that fits its message, with its plugin's name in `by`."""
    parts = message.parts
    if type(finding.part) is not int or not 0 <= finding.part < len(parts):
        raise PluginError(f"{_of(call)}: finding in part {_number(finding.part)}, expected 0 to {len(parts) - 1}")
    length = len(parts[finding.part].text)
    if type(finding.start) is not int or type(finding.end) is not int or not 0 <= finding.start < finding.end <= length:
        raise PluginError(
            f"{_of(call)}: finding at {_number(finding.start)}:{_number(finding.end)} of a part of length {length}; "
            f"expected code points, half-open, inside it"
        )
    if not all(isinstance(name, str) for name in (finding.data_class, finding.by)) or not finding.data_class:
        raise PluginError(f"{_of(call)}: finding needs the name of a class and of what saw it")
    if not isinstance(finding.confidence, Confidence):
        raise PluginError(f"{_of(call)}: finding's confidence is {_kind(finding.confidence)}, expected a Confidence")
    if finding.state != RAW:
        raise PluginError(f"{_of(call)}: finding claims a state; only the proxy's own transforms set states")
    if finding.by == call.plugin or finding.by.startswith(f"{call.plugin}/"):
        return finding
    return replace(finding, by=f"{call.plugin}/{finding.by}" if finding.by else call.plugin)


def _is_fact(fact: object) -> bool:
    if isinstance(fact, tuple):
        return all(isinstance(item, str) for item in fact)
    return isinstance(fact, str | int | float | bool)


def _of(call: _Call) -> str:
    return f"plugin {call.plugin}: {call.hook}"


def _number(given: object) -> str:
    return str(given) if type(given) is int else _kind(given)


def _kind(thing: object) -> str:
    return "None" if thing is None else type(thing).__name__


def _place(error: BaseException) -> str:
    """Say what was raised and where, without its text, which may hold a protected value."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{where}"
