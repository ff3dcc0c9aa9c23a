"""Tests of the ledger's storage, against real servers."""
