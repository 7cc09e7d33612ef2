"""The parts of the contract, one module each."""
