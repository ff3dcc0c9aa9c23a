"""What the ledger means: the domain's tests, read as given, when, then."""
