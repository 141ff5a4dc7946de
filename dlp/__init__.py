"""A data-flow DLP proxy: it labels what sandboxed code reads, tracks it, and decides what may go where."""
