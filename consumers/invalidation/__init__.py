"""Cache invalidation through Kafka: hears which org moved, and tells whoever caches orgs."""
