"""Huawei Cloud MetaStudio, as far as the bot speaks with it. Never sees Slack."""
