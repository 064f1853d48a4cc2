"""Lists of tokens that one agency hands in to be converted, and files of what the other one collects."""
