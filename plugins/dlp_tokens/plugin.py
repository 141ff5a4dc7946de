"""The hooks: `tokenize` and `generalise`."""

from dlp.core.finding import Finding
from dlp.core.ports import SessionVault
from dlp.hooks.spec import hookimpl
from dlp_tokens.generalise import generalise


@hookimpl
def transform(name: str, finding: Finding, text: str, vault: SessionVault) -> str | None:
    """Return the session's token for `text`, or a wider term that `text` falls under."""
    if name == "tokenize":
        return vault.tokenise(finding.data_class, text)
    if name == "generalise":
        return generalise(str(finding.data_class), text)
    return None
