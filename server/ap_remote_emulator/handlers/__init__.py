"""The endpoints: from a request to a call of the library and back. The route table is in ``app``."""
