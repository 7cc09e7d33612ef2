"""Heroku's two partner-facing APIs as pure functions: no I/O, no clock, no randomness, no await."""
