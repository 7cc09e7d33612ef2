"""A partner's own numbers, joined with where each app stood at that moment, on DuckDB: nothing here asks Heroku.

`history` brings what is stored into an engine of its own, `rows` reads a partner's file, `joining` says the join.
"""
