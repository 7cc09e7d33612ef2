"""The command line: options in, text or JSON out, and an exit status. What it says is worked out below, in other rooms.

A module for each subject: `run` a service, play `heroku`, `operate` on what it holds, look after a `fleet`,
bring it back to where Heroku is by `reconciling`. To add a
command, write a function with `@commands.command()` in one of them, a test in tests/cli, and its line in the docs.
`operate.retry` is a short one; `main` gathers them, `parts` is what they share. Heavy imports wait inside the commands,
so that `headrace --help` answers at once.
"""
