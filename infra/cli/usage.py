"""Examples at the end of every command's help."""


def example(*lines: str) -> str:
    """An epilog that shows `lines` as they would be typed."""
    return "\n".join(("\b", "Example:", *(f"  {line}" for line in lines)))  # \b: do not wrap
