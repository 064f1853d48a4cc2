"""A witness of transparency logs (C2SP tlog-witness), for an organisation apart from the log's."""
