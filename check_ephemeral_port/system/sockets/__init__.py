"""Lists of sockets, from psutil and from sock_diag of Linux."""
