"""The recorder: wiring, supervision, control."""
