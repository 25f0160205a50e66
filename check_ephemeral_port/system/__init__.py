"""Every call to the operating system is in this ring."""
