"""Resources as a partner's own code has them, beyond hooks: in a script, a cron job, another web handler, a shell.

`reading` finds them, and `known` is what is found; `ordering` has something done about them by a worker; `plain` has
the twins of both for code without an event loop. `labels` tells at once what a resource is, for telemetry, and
`labels_file` keeps the same in a file.
"""
