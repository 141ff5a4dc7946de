"""`dlp bench`: the product beside a baseline, in one run."""
