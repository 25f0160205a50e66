# fish: completion of the options of check_ephemeral_port.
#
# Goes to: /usr/local/share/fish/vendor_completions.d/check_ephemeral_port.fish
# (or ~/.config/fish/completions).
#
# Made by `make generated` from the options of the program.

complete -c check_ephemeral_port -f
complete -c check_ephemeral_port -s w -l warning -x -d 'WARNING above this percent used (default: 80)'
complete -c check_ephemeral_port -s c -l critical -x -d 'CRITICAL above this percent used (default: 90)'
complete -c check_ephemeral_port -l free-warning -x -d 'WARNING below this many free ports (2000:)'
complete -c check_ephemeral_port -l free-critical -x -d 'CRITICAL below this many free ports (500:)'
complete -c check_ephemeral_port -l bind-warning -x -d 'WARNING above this percent used by TCP bind()'
complete -c check_ephemeral_port -l bind-critical -x -d 'CRITICAL above this percent used by TCP bind()'
complete -c check_ephemeral_port -l fast-warning -x -d 'WARNING above this percent of fast ports used'
complete -c check_ephemeral_port -l fast-critical -x -d 'CRITICAL above this percent of fast ports used'
complete -c check_ephemeral_port -l eta-warning -x -d 'WARNING below this time until it is full (30m:)'
complete -c check_ephemeral_port -l eta-critical -x -d 'CRITICAL below this time until it is full (5m:)'
complete -c check_ephemeral_port -l failed-warning -x -d 'WARNING above this number of failed requests'
complete -c check_ephemeral_port -l failed-critical -x -d 'CRITICAL above this number of failed requests'
complete -c check_ephemeral_port -s d -l destination -x -d 'watch only this destination; can be repeated'
complete -c check_ephemeral_port -l source -x -d 'local address of the program'\''s connections'
complete -c check_ephemeral_port -l protocol -xa 'tcp udp all' -d 'protocol whose ports are counted (default: all)'
complete -c check_ephemeral_port -l netns -rFa '(command ls /run/netns 2>/dev/null)' -d 'check this network namespace; needs root'
complete -c check_ephemeral_port -l all-netns -d 'check every network namespace; needs root'
complete -c check_ephemeral_port -l sampler -xa 'auto psutil sock_diag' -d 'how to list the sockets (default: auto)'
complete -c check_ephemeral_port -l probe -xa 'always auto never' -d 'ask connect() which ports can be shared'
complete -c check_ephemeral_port -l state-file -rF -d 'keep a history in this file, for a forecast'
complete -c check_ephemeral_port -s p -l port -x -d 'what uses this port (443, https, 8000-8010,9000)'
complete -c check_ephemeral_port -s H -l hostname -x -d 'connect to the port of this other host'
complete -c check_ephemeral_port -s 4 -d 'with -H: use IPv4 only'
complete -c check_ephemeral_port -s 6 -d 'with -H: use IPv6 only'
complete -c check_ephemeral_port -l expect -xa 'free used listening open closed filtered' -d 'CRITICAL if the port is anything else'
complete -c check_ephemeral_port -l recorder -xa 'on off status' -d 'record failed requests; needs root'
complete -c check_ephemeral_port -l recorder-group -x -d 'with --recorder on: who can read the record'
complete -c check_ephemeral_port -l no-advice -d 'print no advice'
complete -c check_ephemeral_port -l top -x -d 'with -v: rows in each table'
complete -c check_ephemeral_port -s v -l verbose -d 'show tables; -vv: more rows; -vvv: timings'
complete -c check_ephemeral_port -s t -l timeout -x -d 'time limit, as 500ms, 30s or 2m (default: 30s)'
complete -c check_ephemeral_port -l exit-ok -d 'exit with 0 in every state'
complete -c check_ephemeral_port -s V -l version -d 'show the version and exit with 3'
complete -c check_ephemeral_port -s h -l help -d 'show this help and exit with 3'
