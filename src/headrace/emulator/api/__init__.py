"""What is answered on the emulator's port as at Heroku: the Platform API, the id host, the add-ons host.

An endpoint is a function of a `call` with its row in the same module, one for each subject; `endpoints` gathers the
rows and answers by them. What it shows is rendered in `render`, and whether an add-on's token may ask is its row's
`Partner`. `fault_injection` makes answers fail on demand; which kinds of faults there are, `kit.faults` says. Asks the
rooms below what there is and what Heroku does; nothing below knows an endpoint.
"""
