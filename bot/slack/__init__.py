"""Slack as the bot asks it and is reached by it: people and places, errors, Socket Mode and HTTP.

What is said to Slack is in ``handlers``. MetaStudio and the ledger do not come in here.
"""
