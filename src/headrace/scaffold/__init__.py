"""The beginning of an add-on: every file of one that runs, is tested and can be deployed, made of a name.

`names` reads the name, `manifests` makes a manifest of it, `wheels` the wheel of this headrace, which no package index
has, and `files` fills `templates`; `writing` puts them into a folder that has none of them.
"""
