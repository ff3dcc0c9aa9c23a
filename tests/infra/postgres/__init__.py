"""Tests of the embedded PostgreSQL, against real servers and real kills."""
