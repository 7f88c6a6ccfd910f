"""What the kernel saw against what mlamd recorded: ``python -m tests.truth``."""
