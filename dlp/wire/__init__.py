"""Bytes in, messages out, and back: one file a format; no sockets, no clock."""
