"""How Slack reaches the bot."""
