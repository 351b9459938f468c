#!/bin/sh
# lease.sh EVENT: what udhcpc runs when a lease comes, is renewed or is lost, as the client's own user, who may change the
# host's network and write to one folder. What the server said comes in the environment; none of it is trusted.
#
# VAUBAN_LEASE: folder for the lease and the names that came with it. VAUBAN_DEFAULT_ROUTE=1: the router of the lease
# becomes the default route.
set -u
folder=$VAUBAN_LEASE
client=$PPID

others() {
  ip -4 -o addr show dev "$interface" | while read -r _ _ _ address _; do
    [ "$address" = "$1" ] || ip addr del "$address" dev "$interface"
  done
}

# A client that starts knows of no lease and says so. What an earlier one got stays until a server says otherwise.
lost() {
  if [ "$(cat "$folder/client" 2>/dev/null)" != "$client" ]; then
    echo "$client" >"$folder/client"
    return
  fi
  rm -f "$folder/lease"
  others none
}

names() {
  case "${search:-${domain:-}}" in
    '' | *[!a-z0-9.\ -]*) ;;
    *) echo "search ${search:-$domain}" ;;
  esac
  for address in ${dns:-}; do echo "nameserver $address"; done
  echo 'options timeout:2 attempts:2'
}

got() {
  # In this order: with an address go those that were added after it for the same network.
  others "$ip/$mask"
  ip addr replace "$ip/$mask" brd + dev "$interface" || return
  if [ "${VAUBAN_DEFAULT_ROUTE:-}" = 1 ]; then
    if [ -n "${router:-}" ]; then
      ip route replace default via "${router%% *}" dev "$interface" onlink
    else
      ip route del default dev "$interface" 2>/dev/null
    fi
  fi
  names >"$folder/resolv.conf.new"
  mv "$folder/resolv.conf.new" "$folder/resolv.conf"
  echo "$ip/$mask" >"$folder/lease.new"
  mv "$folder/lease.new" "$folder/lease"
}

case "$1" in
  deconfig) lost ;;
  bound | renew) got ;;
esac
exit 0
