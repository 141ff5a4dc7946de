"""The eight steps every message takes, and what they remember."""
