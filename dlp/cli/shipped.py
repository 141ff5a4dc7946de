"""Where the files are that come with the product."""

from pathlib import Path

import dlp

_HERE = Path(dlp.__file__).parent

PACKS = next(
    (folder for folder in (_HERE / "shipped_rules", _HERE.parent / "rules") if folder.is_dir()), _HERE / "shipped_rules"
)
"""The policies that `use:` finds by name: in the package, or, in a checkout, beside it."""
