"""Agreements: the digital memorandum of understanding that says what an agency may ask."""
