"""Keys, tokens and passwords, by the formats their issuers give them and by the names they stand under."""
