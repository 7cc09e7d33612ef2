"""Queries behind figures: the roll-up by day, the gauges of a scrape, and a partner's own numbers, all by stage."""
