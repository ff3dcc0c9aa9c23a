"""Tests, in rooms that mirror the product's, and of the architecture that keeps them apart."""
