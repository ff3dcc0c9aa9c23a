"""Everything that touches the world, and the one place where the rooms are wired together."""
