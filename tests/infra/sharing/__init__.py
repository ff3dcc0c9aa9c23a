"""The cache that processes share, over a real Redis."""
