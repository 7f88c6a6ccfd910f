"""Ports to the operating system; everything above asks these instead of the system itself."""
