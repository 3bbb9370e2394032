"""The bots that dh-bot is measured against, each started as a process of its own."""
