"""Derived tables: made from the journal by one pure fold, and rebuilt from it at any time."""
