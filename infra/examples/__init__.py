"""Services that use the ledger as a customer's would: through the SDK alone."""
