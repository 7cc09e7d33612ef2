"""What lines of the log and spans of a trace are about, carried from a request to the hooks that are called for it.

`context` is for whoever knows what is going on; `tracing` costs nothing where nobody uses OpenTelemetry.
"""
