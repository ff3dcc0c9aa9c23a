"""Tests of the room that touches the world outside the process."""
