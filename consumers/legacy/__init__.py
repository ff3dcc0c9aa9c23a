"""The legacy application's flags: read, translated into commands, and imported once per org."""
