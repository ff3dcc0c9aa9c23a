"""The rules about the code itself, each of them a test that can fail."""
