"""A toy ERP: its routes are guarded by the SDK, its menu shows what an org has."""
