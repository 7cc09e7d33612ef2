"""What a provider is judged with: what a fact is, the harness it is tried in, its own Heroku, judgements of answers.

The features use all of it; it knows none of them, nor how a run is reported.
"""
