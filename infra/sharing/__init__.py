"""The cache of orgs that several processes share in Redis, under the same rules as their own."""
