"""Faults on purpose, each beside a mutant that must fail: a test that cannot fail proves nothing.

A mutant is the same thing without the one measure that makes it withstand the fault. The test
asserts that the mutant is caught. The long lane repeats each fault as often as was promised:
`make soak`, which is `pytest -m soak --soak 100`.
"""
