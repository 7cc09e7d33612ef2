"""What a partner orders of resources, beside what Heroku asks for: config vars that are set, credentials rotated.

`orders` records what is ordered, in the transaction that starts its workflow; `changes` is that workflow, for which
`rotations` calls the partner's hooks; `feeding` has orders begin whose time has come.
"""
