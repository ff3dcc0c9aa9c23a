"""Batches carried out over the ledger: applied, looked at and undone; for HTTP and for a shell."""

from infra.batches.batches import Batches

__all__ = ["Batches"]
