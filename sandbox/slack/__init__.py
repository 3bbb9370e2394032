"""A local Slack: Web API, Socket Mode, response URLs, people and messages, with Slack's laws and faults."""
