# fish: completion of the options of check_ephemeral_port.
#
# Goes to: /usr/local/share/fish/vendor_completions.d/check_ephemeral_port.fish
# (or ~/.config/fish/completions).
#
# Made by `make generated` from the options of the program.

complete -c check_ephemeral_port -f
complete -c check_ephemeral_port -s w -l warning -x -d 'percent used by TCP connect() to the fullest destination, and by UDP'
complete -c check_ephemeral_port -s c -l critical -x -d 'the same for CRITICAL'
complete -c check_ephemeral_port -l free-warning -x -d 'free ports instead of percent'
complete -c check_ephemeral_port -l free-critical -x -d 'the same for CRITICAL'
complete -c check_ephemeral_port -l bind-warning -x -d 'percent used by TCP bind() to port 0'
complete -c check_ephemeral_port -l bind-critical -x -d 'the same for CRITICAL'
complete -c check_ephemeral_port -l fast-warning -x -d 'percent used of the half that connect() tries first'
complete -c check_ephemeral_port -l fast-critical -x -d 'the same for CRITICAL'
complete -c check_ephemeral_port -l eta-warning -x -d 'time until the ports that -w counts run out, in seconds or with a unit'
complete -c check_ephemeral_port -l eta-critical -x -d 'the same for CRITICAL'
complete -c check_ephemeral_port -l failed-warning -x -d 'number of requests that failed because no port was free, of each kind, since the last run with the same --state-file, else since --recorder on'
complete -c check_ephemeral_port -l failed-critical -x -d 'the same for CRITICAL'
complete -c check_ephemeral_port -s d -l destination -x -d 'watch only this destination'
complete -c check_ephemeral_port -l source -x -d 'local address that the program connects from or binds to'
complete -c check_ephemeral_port -l protocol -xa 'tcp udp all' -d 'protocol whose ports are counted'
complete -c check_ephemeral_port -l netns -rFa '(command ls /run/netns 2>/dev/null)' -d 'on Linux, check this network namespace: a name of ip netns, a PID, or a path such as /proc/1/ns/net'
complete -c check_ephemeral_port -l all-netns -d 'on Linux, check every network namespace of the host and report the worst'
complete -c check_ephemeral_port -l sampler -xa 'auto psutil sock_diag' -d 'how to list the sockets'
complete -c check_ephemeral_port -l probe -xa 'always auto never' -d 'on Linux, ask the kernel which ports connect() can share, if that is cheap or decides the state'
complete -c check_ephemeral_port -l state-file -rF -d 'keep a history in this file to forecast when ports run out'
complete -c check_ephemeral_port -s p -l port -x -d 'report what this port is and which sockets use it'
complete -c check_ephemeral_port -s H -l hostname -x -d 'try to connect to the port of this host, a name or an address'
complete -c check_ephemeral_port -s 4 -d 'with -H: use IPv4 only'
complete -c check_ephemeral_port -s 6 -d 'with -H: use IPv6 only'
complete -c check_ephemeral_port -l expect -xa 'free used listening open closed filtered' -d 'CRITICAL if the port is anything else: free, used or listening'
complete -c check_ephemeral_port -l recorder -xa 'on off status' -d 'on Linux, as root: let the kernel record requests that fail because no port is free, until it restarts'
complete -c check_ephemeral_port -l recorder-group -x -d 'with --recorder on: also let this group read the record'
complete -c check_ephemeral_port -l no-advice -d 'do not print tuning advice'
complete -c check_ephemeral_port -l top -x -d 'rows in each table'
complete -c check_ephemeral_port -s v -l verbose -d 'show tables'
complete -c check_ephemeral_port -s t -l timeout -x -d 'time limit in seconds, or with a unit: 500ms, 30s, 2m'
complete -c check_ephemeral_port -l exit-ok -d 'exit with 0 in every state'
complete -c check_ephemeral_port -s V -l version -d 'show the version and exit with 3'
complete -c check_ephemeral_port -s h -l help -d 'show this help and exit with 3'
