"""How databases are spoken to: connections, transactions, the schema and its migrations. Asks nothing itself.

A migration is a file in `migrations/versions`, and the `schema` what they lead to.
"""
