"""Where state is kept; each module fills the `Store` of `core/ports.py`."""
