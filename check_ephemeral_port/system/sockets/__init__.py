"""Lists of sockets, from psutil and from Linux's sock_diag."""
