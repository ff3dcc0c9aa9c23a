"""Cache invalidation, word by word and over a real broker."""
