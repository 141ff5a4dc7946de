"""Presidio's anonymizer behind the one-way transforms."""

from typing import Any

from presidio_anonymizer.operators import Mask, Replace

from dlp.core.ports import SessionVault

_KEPT = 4
_mask: Any = Mask()
_replace: Any = Replace()


def operate(name: str, data_class: str, text: str, vault: SessionVault) -> str:
    """Return `text` masked, redacted or hashed.

    `mask` keeps the last four characters, and none of a text that has fewer than eight. `redact` leaves the last word
    of the class: `<EMAIL>`. `hash` is keyed by the session's vault, so that equal values stay equal within a session
    and nobody outside can try values (Presidio's own salts at random).
    """
    if name == "mask":
        kept = _KEPT if len(text) >= 2 * _KEPT else 0
        masked: str = _mask.operate(text, {"masking_char": "*", "chars_to_mask": len(text) - kept, "from_end": False})
        return masked
    label = data_class.rsplit(".", 1)[-1].upper()
    if name == "redact":
        redacted: str = _replace.operate(text, {"new_value": f"<{label}>"})
        return redacted
    return f"{label}:{vault.digest(text)}"
