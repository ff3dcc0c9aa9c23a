"""Whether the log is still what was written, and the signed checkpoints that prove it."""
