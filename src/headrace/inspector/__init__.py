"""Where each app stands: asks Heroku, records what it says, decides who may see it, and groups it into a board.

`inspector` asks about one placement, `batches` about many at once, with what is learnt meanwhile in `batch_state`;
`freshness` decides how often one is asked about. What is due is a query: `store.state.due`. `visibility` says who may
see what; `board` is what they see, as values, and `board_json` and `board_text` as what is sent and printed.
"""
