"""The frozen types of mlamd: observations, events and what is derived from them.

Standard library only. The three families never mix: an ``Observation`` is what a sensor saw, an
``Event`` is a fact in the journal, and ``Run``, ``Step``, ``FileVersion`` and ``Edge`` are derived.
"""
