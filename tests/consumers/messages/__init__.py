"""The wire contract: a fixture for every version of a message, and readers nobody here wrote."""
