"""The audit trail in the ledger: appending, reading, verifying and pruning."""
