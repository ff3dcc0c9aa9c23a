"""A broker of our own."""
