"""The `dlp` command; the one place where all is put together."""
