"""How work runs: a bounded pool, tickers, a web server, clocks, strict answers; and how the bot was installed.

Imports nothing else of the bot: neither deletions nor Slack.
"""
