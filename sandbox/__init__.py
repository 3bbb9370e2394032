"""A strict local Slack and a local MetaStudio: the outside world of the bot. Nothing of the bot is imported here."""
