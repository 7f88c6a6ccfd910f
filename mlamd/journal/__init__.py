"""The append-only event log: the only truth of a store."""
