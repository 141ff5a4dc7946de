"""What a plugin can do, and the host that loads and calls plugins."""
