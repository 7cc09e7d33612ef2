"""What the whole fleet tells: its days counted, figures made of the counts, what each figure is, and rows to take away.

To add a figure: count it in `store.reports.roll_up`, say in `store.reports.insights` which days of it are read, make
it a figure in `insights`, and say what it is in `definitions`. `overview` is what operators see first; `counting` keeps
the days counted, `formats` writes CSV, JSON lines and Parquet (the columns of an export are its query, in
`store.reports.exports`), `change_files` what happened, by day, whose members are in `changes`. Reads the store; asks
Heroku nothing.
"""
