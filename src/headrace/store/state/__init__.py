"""What is true now, one module for each kind of thing: reads and writes it, in the transaction of whoever asks.

`notices` and `timeline` also say which kinds of them there are and what each means; `due` is what is to be inspected,
`inspection_claims` bound what people may ask for.
`people` is who may see and do what.
What is secret is sealed by `headrace.encryption` and stands in `secrets` alone.
"""
