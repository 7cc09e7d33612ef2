"""The durable engine behind a port: enqueues, runs steps, keeps workers alive and takes over from dead ones.

`port` is all that others need; `run` is one run and its steps, `ledger` the engine's rows, `outcomes` what has ended,
`ids` how workflows are called, `lease` a worker's identity, `redaction` what a log may not tell. Only `runtime` names
DBOS. Knows of workflows by their kinds and ids, not of what they do.
"""
