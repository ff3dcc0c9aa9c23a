"""The relay: carries every event, and the state each org came to, from the log to Kafka."""
