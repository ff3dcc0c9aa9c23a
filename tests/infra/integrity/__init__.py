"""The chain, its verification and the checkpoints kept outside the database."""
