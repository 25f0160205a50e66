"""The edge: every call to the operating system lives in here."""
