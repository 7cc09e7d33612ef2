"""What is measured, one module for each bench, beside the servers and clients that it starts: `./dev bench`."""
