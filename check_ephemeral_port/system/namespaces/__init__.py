"""Network namespaces: find them, and run a task inside one."""
