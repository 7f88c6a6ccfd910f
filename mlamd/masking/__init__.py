"""Takes secrets out of what is stored: command lines, settings, texts, environment variables. Pure."""
