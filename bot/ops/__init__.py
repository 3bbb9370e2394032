"""Health, readiness and metrics of the bot, and the gate for new work. Changes nothing else."""
