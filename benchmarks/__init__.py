"""Measures, never asserts."""
