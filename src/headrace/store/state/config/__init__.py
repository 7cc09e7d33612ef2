"""What is ordered of config: each change, the jobs that order it of many, and what of them is told in batches."""
