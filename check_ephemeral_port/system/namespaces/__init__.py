"""Network namespaces: list them, and run a task inside one."""
