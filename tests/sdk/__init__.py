"""The SDK against a small ledger that can be broken at will, and against the shared vectors."""
