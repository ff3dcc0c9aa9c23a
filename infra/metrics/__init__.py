"""What a process counts, told to Prometheus: the one room that knows how it wants to hear it."""
