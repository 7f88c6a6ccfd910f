"""Sources of observations: one module each. A sensor reports; it judges nothing."""
