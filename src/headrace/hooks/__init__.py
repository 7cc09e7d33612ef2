"""The partner's side: what hooks are called with, what they return, and which hooks there are. No webhooks.

`arguments` is what they get, `config` and `panel` what they return, `callables` how they are typed. Knows nothing of
databases, of workflows or of the web.
"""
