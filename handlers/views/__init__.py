"""Values to messages: functions from what happened to ``{"text", "blocks"}``. Pure."""
