#!/bin/sh
# exec.sh ARGUMENT...: crun.sh for a command inside an instance, with the standard streams made harmless.
#
# crun gives the standard streams of what it starts to the user inside (fchown), whatever they are: with /dev/null or
# `<file` on standard input, the instance's root would own that of the machine. So only pipes and sockets, which nobody
# else can name, go in; anything else is carried by a `cat`. Terminals crun leaves alone.
crun="${0%/*}/crun.sh"
harmless() { [ -p "/proc/self/fd/$1" ] || [ -S "/proc/self/fd/$1" ] || [ -t "$1" ]; }
harmless 0 && harmless 1 && harmless 2 && exec sh "$crun" "$@"

folder=$(mktemp -d)
carriers='' feeder=''
exec 3<&0 4>&1 5>&2
if ! harmless 3; then
  mkfifo "$folder/in"
  cat <&3 >"$folder/in" &
  feeder=$!
  exec 0<"$folder/in"
fi
if ! harmless 4; then
  mkfifo "$folder/out"
  cat <"$folder/out" >&4 &
  carriers="$carriers $!"
  exec 1>"$folder/out"
fi
if ! harmless 5; then
  mkfifo "$folder/err"
  cat <"$folder/err" >&5 &
  carriers="$carriers $!"
  exec 2>"$folder/err"
fi
rm -rf "$folder"
sh "$crun" "$@" 3<&- 4>&- 5>&-
code=$?
exec 1>&- 2>&-
[ -z "$feeder" ] || kill "$feeder" 2>/dev/null
# shellcheck disable=SC2086
[ -z "$carriers" ] || wait $carriers
exit "$code"
