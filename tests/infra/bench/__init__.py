"""The benchmark: what it says of its figures, and that it runs and leaves nothing behind."""
