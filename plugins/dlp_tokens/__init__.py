"""The transforms that keep a value's use: tokens, which can be undone, and generalisation, which cannot."""
