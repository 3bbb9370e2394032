"""A strict local Slack and a local MetaStudio. They play the outside world and import nothing of the bot."""
