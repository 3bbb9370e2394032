"""SQLite and PostgreSQL: opening, transactions, what went wrong, copies. Tables and deletions do not come in here."""
