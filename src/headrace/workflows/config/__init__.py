"""What a partner orders of resources, beside what Heroku asks for: config vars that are set, credentials rotated.

`orders` records what is ordered, in the transaction that starts its workflow; `changes` is that workflow, for which
`rotations` calls the partner's hooks. `bulk` records jobs; `batches` tells Heroku of those that set config vars, and
`recording` stores what it was told. `feeding` has begin what waits.
"""
