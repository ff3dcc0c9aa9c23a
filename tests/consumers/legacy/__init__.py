"""Tests of taking over from the legacy application's flags."""
