"""What several suites need: sockets, namespaces, and runs of the program."""
