"""Read models of the ledger and the feed of its changes."""
