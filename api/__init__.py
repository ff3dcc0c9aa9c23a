"""HTTP and the console: requests become commands and queries, answers become documents."""
