"""A pure state machine: observations in, events out. It never asks the system for anything."""
