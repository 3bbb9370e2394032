"""A small HTTP server and WebSockets, with the faults of real ones. Nothing here is about Slack or MetaStudio."""
