"""Heroku's two partner-facing APIs as pure functions: no I/O, no clock, no randomness, no await.

A module for each part of the contract, and two tables: `lifecycle`, what a call of Heroku's does in each state of a
resource, and `retries`, when a failed step is tried again. `pipelines` is the way from an add-on to its pipeline.
Knows `models` and `errors` and nothing else; every other room may use it.
"""
