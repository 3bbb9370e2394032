"""What shows how the bot is: its gate for new work, readiness, health, metrics. It looks, and changes nothing else."""
