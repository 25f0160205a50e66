"""Pure rules: values in, values out; no sockets, no files, no command line."""
