"""Errors, named after who has to act."""


class DlpError(Exception):
    """Something that someone must fix. Its text holds names, paths, types and lengths, never a protected value."""


class ConfigError(DlpError):
    """The operator must change the settings."""


class PolicyError(DlpError):
    """The operator must change the policy."""


class PluginError(DlpError):
    """A plugin's author must fix the plugin."""


class ParseError(DlpError):
    """The peer sent what nobody can read, or what is ambiguous."""


class StoreError(DlpError):
    """Operations must see to the store: it is missing, locked, full or broken."""
