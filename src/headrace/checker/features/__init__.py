"""The parts of the contract, a module each: a fact is a function there, and its docstring what a provider reads.

`repeat` is a short one, and shows how; `checker.catalogue` lists all. Touches `checker.kit` alone and, through its
harness, the checker's own Heroku. Each fact has a provider that does not pass it, in the module of the same name in
tests/checker/features.
"""
