"""Tests of the room that follows the log."""
