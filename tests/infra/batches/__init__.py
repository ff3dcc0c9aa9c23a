"""Batches over a real ledger: cut off, killed, overtaken, and undone."""
