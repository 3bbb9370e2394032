"""The tables, their triggers, and the mapping of values to columns; ``migrations`` brings a ledger up to date."""
