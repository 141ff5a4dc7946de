"""Known people, accounts and documents, recognised by tables of keyed hashes."""
