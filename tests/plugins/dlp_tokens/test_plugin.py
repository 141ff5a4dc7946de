import dlp_tokens.plugin as subject
from dlp.core.finding import Finding
from dlp.core.label import DataClass
from dlp.testing.plugins import check_plugin

FINDING = Finding(0, 0, 3, DataClass("pii.email"), "x")


class Vault:
    """A vault without a session."""

    def tokenise(self, data_class: DataClass, text: str, *, number: bool = False) -> str:  # noqa: ARG002  the port says so
        """Stand in for a token."""
        return f"[{data_class}:{len(text)}]"

    def digest(self, text: str) -> str:
        """Return a keyed hash."""
        raise NotImplementedError


def test_tokens_come_from_the_vault_and_wider_terms_from_the_class():
    host = check_plugin(subject)
    assert host.transform("tokenize", FINDING, "bob", Vault()) == "[pii.email:3]"
    assert host.transform("generalise", FINDING, "bob", Vault()) == "<EMAIL>"
    assert subject.transform("mask", FINDING, "bob", Vault()) is None
