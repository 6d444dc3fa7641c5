"""The command `bayesctc`."""
