"""The tables, their triggers, and how values become columns and back; ``migrations`` brings a ledger up to date."""
