"""The rules, as pure functions. No sockets, no files, no command line."""
