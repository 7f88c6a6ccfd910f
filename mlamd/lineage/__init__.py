"""Questions about what was recorded. Pure: each is a function of one reading of the catalog."""
