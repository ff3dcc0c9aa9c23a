"""Tests of the catalog that ships with the product."""
