"""The relay, record by record and over a real broker."""
