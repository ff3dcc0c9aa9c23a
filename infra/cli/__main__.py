"""Runs the command line where its script is not installed: `python -m infra.cli`."""

from infra.cli.root import main

main(prog_name="entitlements")
