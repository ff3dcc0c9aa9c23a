"""Tests of the schema's coming into being."""
