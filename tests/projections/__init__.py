"""Read models: what is kept of an org's facts, and when it may be served."""
