# Runs a command ("$@", PostgreSQL's server) for as long as standard input stays open, and exits with its code.
#
# Standard input is a pipe whose other end only the Keyfold server holds. However that process ends, the pipe closes,
# and PostgreSQL is told to shut down in order (SIGINT): it cannot outlive the server.

exec 3<&0 </dev/null

# Signals to the whole service (a stopping init system) are not ours to act on: the server decides when to stop.
trap : HUP INT TERM

"$@" 3<&- &
postgres=$!

(
    trap '' HUP INT TERM
    while read -r line <&3; do :; done
    kill -INT "$postgres"
) &
lifeline=$!
exec 3<&-

# A signal interrupts `wait`, so ask again until PostgreSQL is really gone.
while
    wait "$postgres"
    code=$?
    kill -0 "$postgres"
do :; done 2>/dev/null

kill -KILL "$lifeline" 2>/dev/null
exit "$code"
