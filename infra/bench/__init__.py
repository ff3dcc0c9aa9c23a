"""Measures the ledger's speed, each figure beside a reference taken in the same run."""
