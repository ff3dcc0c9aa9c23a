"""The HTTP room, over real HTTP."""
