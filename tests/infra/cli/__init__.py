"""Tests of the command line, over real databases."""
