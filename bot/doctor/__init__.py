"""The checks of ``dh-bot doctor``: the settings' people, Slack, MetaStudio, the ledger. The bot may be running.

Reports only, and repairs nothing.
"""
