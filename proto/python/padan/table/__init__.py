"""Tables in an agency's files: CSV and Parquet, read row by row and written as a whole or not at all."""
