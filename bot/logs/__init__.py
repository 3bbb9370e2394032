"""The log: structured lines of a closed list of fields, without secrets.

Events of the trail come in as values; nothing that decides does.
"""

from bot.logs.pipeline import about, catch_uncaught, configure

__all__ = ["about", "catch_uncaught", "configure"]
