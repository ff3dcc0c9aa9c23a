"""The command line: everything an operator does with the ledger, from any shell."""

from infra.cli.root import main

__all__ = ["main"]
