"""The shell: sockets, event loops and credentials. It decides nothing."""
