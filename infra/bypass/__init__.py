"""The super-admin bypass, write-ahead: its sessions, its uses, and what is counted of them."""

from infra.bypass.bypasses import Bypasses

__all__ = ["Bypasses"]
