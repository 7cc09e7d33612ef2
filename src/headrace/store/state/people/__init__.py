"""Who may see and do what: people with access, logins and their ends, links that are shared, tokens of programs."""
