"""Queries behind the report that is sent round on Monday: what the roll-up does not have, since nobody asks it daily.

Each goes once through what it is about, and says so; docs/metrics.md says what that takes at a million resources.
"""
