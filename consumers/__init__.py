"""What follows the log: relay, cache invalidation, boundary ticker and legacy sync."""
