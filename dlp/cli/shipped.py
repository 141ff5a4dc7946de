"""Where the files are that come with the product."""

from pathlib import Path

import dlp

_BESIDE = Path(dlp.__file__).parent.parent

PACKS = next(
    (folder for folder in (_BESIDE / "dlp_rules", _BESIDE / "rules") if folder.is_dir()), _BESIDE / "dlp_rules"
)
"""The policies that `use:` finds by name, beside the package: where it is installed, or in a checkout."""
