"""How work runs: a bounded pool, tickers, a web server, clocks.

Imports nothing else of the bot: neither deletions nor Slack.
"""
