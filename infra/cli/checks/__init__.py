"""What `entitlements doctor` looks at: settings, database, clock, catalog, files and broker."""
