"""A small HTTP server and WebSockets, with the faults of real ones. It knows neither Slack nor MetaStudio."""
