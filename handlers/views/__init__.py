"""Texts: pure functions from values to messages, each ``{"text", "blocks"}``."""
