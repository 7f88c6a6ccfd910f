"""The mount mode's file system: a pass-through over the workspace that tells who did what."""
