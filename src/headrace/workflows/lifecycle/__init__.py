"""What happens to one resource: Heroku's calls recorded, and the workflows that they start.

`calls` answers Heroku; `provisions`, `plan_changes`, `deprovisions` and `stage_changes` are the workflows, made of
`steps`, and `handover` starts the one that is due next. `events` and `subscriptions` are for webhooks, `operations` for
an operator's orders, `importing` for what another provider made. All of it stands on the five parts in `core`.
"""
