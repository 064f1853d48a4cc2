"""What a capture device gives: finger minutiae records of the standards, and templates as the service takes them."""
