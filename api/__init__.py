"""HTTP: the seed's contract, the native routes, and who may ask for what."""
