"""The example services."""
