"""Everything that is kept, on SQLite and PostgreSQL alike. Every query is in here, named after its question.

`state` writes and reads what is true, `reports` only reads, `sql` is how. No other room writes SQL.
"""
