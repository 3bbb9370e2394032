"""SQLite and PostgreSQL: opening, transactions, errors, copies. Knows nothing of deletions."""
