"""The one place where all is put together: settings become a store, a policy, plugins and an engine."""

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

from dlp.cli.detecting import in_entities
from dlp.cli.shipped import PACKS
from dlp.cli.state import audit_file, key_file, store_file
from dlp.config import Settings
from dlp.core.errors import ConfigError
from dlp.core.policy import Policy
from dlp.core.ports import Clock, Random, Store
from dlp.engine.approvals import Approvals
from dlp.engine.audit import Audit
from dlp.engine.classify import MODEL_ENTITIES, Classifier, ClassifierConfig, build_classifier
from dlp.engine.keys import load_key
from dlp.engine.pipeline import Engine
from dlp.engine.reload import accept, check_rollback
from dlp.engine.sessions import Sessions
from dlp.hooks.host import Host, load_host
from dlp.policy.load import load_policy
from dlp.stores.sqlite import SqliteStore

_HAS_MODEL = "dlp_presidio"
_HAS_TABLES = "dlp_exact"
"""The plugin that has the language model, and so takes `ner` from the proxy's own settings."""


@dataclass(frozen=True, slots=True)
class App:
    """Everything that a proxy process works with. `classifying` builds the same classifier in another process."""

    settings: Settings
    store: Store
    sessions: Sessions
    approvals: Approvals
    audit: Audit
    policy: Policy
    host: Host
    classifier: Classifier
    classifying: ClassifierConfig
    engine: Engine

    def close(self) -> None:
        """Release what is held."""
        self.audit.close()
        self.store.close()


def build(settings: Settings, *, clock: Clock = time.time, random: Random = os.urandom) -> App:
    """Return the proxy's parts, ready to judge messages.

    Raises:
        ConfigError: the settings, the key or the state folder need the operator.
        PolicyError: the policy does.
        PluginError: a plugin does its author.
        StoreError: the store or the audit log cannot be used.

    """
    policy = load_policy(settings.policy, packs=PACKS)
    if not store_file(settings).exists():
        raise ConfigError(f"{store_file(settings)}: there is no store; `dlp init` makes one")
    key = load_key(key_file(settings))
    classifying = classifier_config(settings, policy)
    host = load_host(classifying.plugins)
    classifier = build_classifier(classifying)
    _check_model(settings, policy, classifier)
    store = SqliteStore(store_file(settings), power=settings.durability == "power")
    try:
        audit = Audit(audit_file(settings), power=settings.durability == "power")
    except BaseException:
        store.close()
        raise
    try:
        check_rollback(store, policy)
        accept(store, policy, clock())
    except BaseException:
        audit.close()
        store.close()
        raise
    sessions = Sessions(store, key, clock, random)
    approvals = Approvals(store, clock, random)
    engine = Engine(
        policy=policy,
        store=store,
        host=host,
        classifier=classifier,
        sessions=sessions,
        approvals=approvals,
        audit=audit,
        clock=clock,
        random=random,
        hold=settings.limits.hold,
    )
    return App(settings, store, sessions, approvals, audit, policy, host, classifier, classifying, engine)


@dataclass(frozen=True, slots=True)
class Prepared:
    """What a policy needs beside itself; made before it is taken up, so that taking it up cannot fail."""

    policy: Policy
    host: Host
    classifier: Classifier
    classifying: ClassifierConfig


def prepare(app: App, policy: Policy) -> Prepared:
    """Return what another policy needs: what the running one has, unless its classes or the model differ.

    Raises:
        ConfigError: only the language model, which is not in use, could find some of its classes.
        PluginError: a plugin cannot be loaded for it.

    """
    classifying = classifier_config(app.settings, policy)
    if classifying == app.classifying:
        return Prepared(policy, app.host, app.classifier, classifying)
    host, classifier = load_host(classifying.plugins), build_classifier(classifying)
    classifier.narrow()  # here, where nobody waits for it
    _check_model(app.settings, policy, classifier)
    return Prepared(policy, host, classifier, classifying)


def renewed(app: App, ready: Prepared) -> App:
    """Return the proxy's parts with another policy; sessions, approvals, store and log are the same."""
    return replace(
        app,
        policy=ready.policy,
        host=ready.host,
        classifier=ready.classifier,
        classifying=ready.classifying,
        engine=app.engine.renewed(ready.policy, ready.host, ready.classifier),
    )


def classifier_config(settings: Settings, policy: Policy) -> ClassifierConfig:
    """Return what builds the classifier of these settings, here and in worker processes."""
    plugins = tuple(
        (name, in_entities(given, policy, settings.path.parent) if name == _HAS_MODEL else given)
        for name, given in plugin_settings(settings, ner=policy.ner)
    )
    return ClassifierConfig(plugins, tuple(policy.classes.values()), settings.state / "cache")


def plugin_settings(settings: Settings, *, ner: bool = True) -> tuple[tuple[str, Mapping[str, object]], ...]:
    """Return the plugins to load, each with its own settings; `ner` is whether the policy wants the model.

    Tables of known values are used by being there, also where the settings do not name their plugin.
    """
    tables = settings.state / "exact"
    ours: Mapping[str, Mapping[str, object]] = {
        _HAS_MODEL: {"ner": settings.ner if ner else "off"},
        _HAS_TABLES: {"tables": str(tables), "key": str(key_file(settings))},
    }
    named = tuple((plugin.name, {**ours.get(plugin.name, {}), **plugin.settings}) for plugin in settings.plugins)
    if any(name == _HAS_TABLES for name, _ in named) or not any(tables.glob("*.table")):
        return named
    return (*named, (_HAS_TABLES, ours[_HAS_TABLES]))


def _check_model(settings: Settings, policy: Policy, classifier: Classifier) -> None:
    """Stop the start where classes would go unseen for want of the language model, and nobody has said so."""
    if not policy.ner or classifier.needs_model:
        return
    lost = sorted(spec.name for spec in policy.classes.values() if spec.entities and spec.entities <= MODEL_ENTITIES)
    if lost:
        raise ConfigError(
            f"{settings.policy}: only the language model can find {', '.join(lost)}, and there is none in use; install "
            "the extra `ner` and leave ner: on, or say `ner: off` in the policy to do without"
        )
