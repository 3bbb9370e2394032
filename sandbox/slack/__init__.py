"""A local Slack: Web API, Socket Mode, response URLs, people and messages, with Slack's rules and faults."""
