"""The routes, a file for each thing a caller comes for."""
