"""The ML Asset Management Daemon: what made this file, and can I have it again."""

__version__ = "0.2.0"
