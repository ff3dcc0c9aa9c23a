"""The schema, its roles and its functions, as plain SQL in numbered steps."""
