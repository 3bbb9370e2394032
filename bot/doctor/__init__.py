"""What ``dh-bot doctor`` checks: the settings' people, Slack, MetaStudio, the ledger. Works beside a running bot.

It looks, and repairs nothing.
"""
