"""Holding what is stored against what Heroku has, after a restore above all, and mending what differs.

`asking` gathers what Heroku says, `protocol.reconciliation` judges, `mending` changes what is stored, and starts the
workflows that change the rest; `reconciliation` is the order of it all, and what came of it.
"""
