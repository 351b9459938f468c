#!/bin/sh
role='/run/vauban/ab12/gateway/gw.lab.first/keepalived/role'

tell() {
  old=; since=
  [ ! -e "$role" ] || read -r old since <"$role"
  [ "$old" = "$1" ] || printf '%s %s\n' "$1" "$(date +%s.%3N)" >"$role.new"
  [ ! -e "$role.new" ] || mv "$role.new" "$role"
}

active() {
  if [ -e '/var/lib/vauban/host/gateway/gw.lab.first/service/replicated/leases' ] && { [ ! -e '/var/lib/vauban/host/leases/lab' ] || [ '/var/lib/vauban/host/gateway/gw.lab.first/service/replicated/leases' -nt '/var/lib/vauban/host/leases/lab' ]; }; then
    cat '/var/lib/vauban/host/gateway/gw.lab.first/service/replicated/leases' >'/var/lib/vauban/host/leases/lab'
  fi
  tell active
  timeout 5 conntrackd -C '/run/vauban/ab12/gateway/gw.lab.first/conntrackd/conntrackd.conf' -c
  timeout 5 conntrackd -C '/run/vauban/ab12/gateway/gw.lab.first/conntrackd/conntrackd.conf' -f
  timeout 5 conntrackd -C '/run/vauban/ab12/gateway/gw.lab.first/conntrackd/conntrackd.conf' -R
  timeout 5 conntrackd -C '/run/vauban/ab12/gateway/gw.lab.first/conntrackd/conntrackd.conf' -B
  [ ! -e '/run/vauban/ab12/scan/vpn.gw.lab.first' ] || s6-svc -u '/run/vauban/ab12/scan/vpn.gw.lab.first'
}

passive() {
  tell "$1"
  [ ! -e '/run/vauban/ab12/scan/vpn.gw.lab.first' ] || s6-svc -d '/run/vauban/ab12/scan/vpn.gw.lab.first'
  timeout 5 conntrackd -C '/run/vauban/ab12/gateway/gw.lab.first/conntrackd/conntrackd.conf' -t
  timeout 5 conntrackd -C '/run/vauban/ab12/gateway/gw.lab.first/conntrackd/conntrackd.conf' -n
}

# A connection tracker that was started again knows nothing of the other node, and the other nothing of it.
tracker() {
  tries=0
  until timeout 5 conntrackd -C '/run/vauban/ab12/gateway/gw.lab.first/conntrackd/conntrackd.conf' -s >/dev/null 2>&1; do
    tries=$((tries + 1)); [ "$tries" -lt 25 ] || return 0; sleep 0.2
  done
  read -r now rest <"$role" || return 0
  if [ "$now" = active ]; then
  :
  timeout 5 conntrackd -C '/run/vauban/ab12/gateway/gw.lab.first/conntrackd/conntrackd.conf' -R
  timeout 5 conntrackd -C '/run/vauban/ab12/gateway/gw.lab.first/conntrackd/conntrackd.conf' -B
  else
  :
  timeout 5 conntrackd -C '/run/vauban/ab12/gateway/gw.lab.first/conntrackd/conntrackd.conf' -n
  fi
}

act() {
  case $1 in
    MASTER) active ;;
    BACKUP) passive standby ;;
    FAULT) passive fault ;;
    STOP|STOPPED) passive stopped ;;
    TRACKER) tracker ;;
  esac
}

exec 3<>'/run/vauban/ab12/gateway/gw.lab.first/keepalived/events'
if [ -s "$role.event" ]; then read -r state <"$role.event"; act "$state"; fi
while read -r kind name state rest <&3; do
  echo "$kind $name $state"
  echo "$state" >"$role.event"
  act "$state" 3<&-
  : >"$role.event"
done
