"""Pure values and functions: what should happen to a message. Nothing here does I/O or reads a clock."""
