"""The ledger's storage: one append, and the library's recorder interface over it."""
