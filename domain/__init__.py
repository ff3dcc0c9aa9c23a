"""Facts, decisions and refusals: what the ledger means, free of any web, database or broker."""
