"""Everything that is answered over HTTP by a running service, a room for each kind of caller.

They share `ground`, the templates, and nothing else; `headrace.routes` puts them together.
"""
