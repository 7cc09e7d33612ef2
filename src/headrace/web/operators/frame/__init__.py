"""What every page of the operators' stands on: `login` and `guard` let them in, `views`, `pages`, `lists` make pages.

`groups` says which incidents are one kind.
"""
