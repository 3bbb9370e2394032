"""The log: structured lines with a closed list of fields, without secrets.

Imports the events of ``bot.domain`` and nothing else of the bot.
"""

from bot.logs.pipeline import about, catch_uncaught, configure

__all__ = ["about", "catch_uncaught", "configure"]
