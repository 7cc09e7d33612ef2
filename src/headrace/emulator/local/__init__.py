"""What may be done to an emulator from its own machine: from Python, by the control API, and on the console.

Heroku has no such thing. Everything that can be done is a method of `emulated.EmulatedHeroku`, and a function with its
row in `control_heroku` or `control_settings`, which is given an `instruction`; the console's forms are such too.
May touch every room below.
"""
