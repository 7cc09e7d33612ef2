"""What goes on after an answer: durable, one workflow of a resource at a time, and again after a crash.

`engine` runs any workflow, `lifecycle` has those of a resource, `chores` what a worker does unasked, and
`reconciling` brings both back to where Heroku is.
"""
