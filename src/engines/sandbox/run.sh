#!/bin/sh
# run.sh BUNDLE CRUN_ROOT ID NETNS LOWER DISK [DIGEST]
#
# Runs one instance until it is told to stop (SIGTERM) or switches itself off. The supervisor starts this under
# `unshare --mount`, so that the disk's overlay is mounted where nobody else sees it and goes with this process. DIGEST is
# not read: it makes the supervisor restart the instance when its definition changed.
#
# The first process inside ends with 0 (switched off: DISK/terminated is made, and it stays off), 133 (reboot) or by a
# signal (a crash: it is booted again).
set -u
bundle=$1 root=$2 id=$3 netns=$4 lower=$5 disk=$6
grace=10

rest() {
  umount "$bundle/rootfs" 2>/dev/null
  exec sleep infinity
}
fail() {
  echo "vauban: $1"
  sleep 5
  exit 1
}

[ -e "$disk/terminated" ] && rest

tree=/sys/fs/cgroup
if [ "$(stat -f -c %T "$tree")" = tmpfs ] && [ "$(stat -f -c %T "$tree/unified" 2>/dev/null)" = cgroup2fs ]; then
  umount "$tree/unified" || fail "the empty version 2 cgroup tree could not be hidden"
fi
mount -t overlay vauban -o "lowerdir=$lower,upperdir=$disk/upper,workdir=$disk/work" "$bundle/rootfs" ||
  fail "the disk could not be mounted"

# The namespace belongs to the machine, so a capability inside counts for nothing in it: what every host may do is
# allowed here, to everybody.
nsenter --net="$netns" sh -c '
  echo 0 >/proc/sys/net/ipv4/ip_unprivileged_port_start
  echo "0 2147483647" >/proc/sys/net/ipv4/ping_group_range' || fail "the network namespace $netns is not there"

# A process in a user namespace cannot raise its limits, so it gets the ones of a cloud host from here.
ulimit -H -n 524288 2>/dev/null
ulimit -S -n 1024

# crun gives the standard streams of the first process to the user inside (fchown), whatever they are. Only pipes, which
# nobody else can name, may be given: not the machine's /dev/null, and not a log file.
if ! [ -p /proc/self/fd/1 ]; then
  rm -f "$bundle/output"
  mkfifo -m 0600 "$bundle/output"
  cat <"$bundle/output" &
  exec >"$bundle/output"
  rm -f "$bundle/output"
fi
exec 2>&1

gone() {
  read -r line 2>/dev/null <"/proc/$child/stat" || return 0
  case "$line" in *') Z '*) return 0 ;; esac
  return 1
}
stop() {
  trap '' TERM INT
  stopping=1
  [ -n "$child" ] || exit 0
  # Before the first process is there it cannot be told; a little later it can.
  tries=0
  until crun --root "$root" kill "$id" TERM 2>/dev/null || gone || [ "$tries" -ge 20 ]; do
    tries=$((tries + 1))
    sleep 0.1
  done
  tries=0
  until gone; do
    tries=$((tries + 1))
    [ "$tries" -lt "$((grace * 10))" ] || crun --root "$root" kill "$id" KILL 2>/dev/null
    [ "$tries" -lt "$((grace * 10 + 50))" ] || break
    sleep 0.1
  done
  wait "$child" 2>/dev/null
  crun --root "$root" delete --force "$id" 2>/dev/null
  exit 0
}
child='' stopping=''
trap stop TERM INT

pause=1
while :; do
  # What a wrapper that was killed has left behind.
  crun --root "$root" delete --force "$id" 2>/dev/null
  began=$(cut -d. -f1 /proc/uptime)
  : | crun --root "$root" run --bundle "$bundle" --pid-file "$bundle/pid" "$id" &
  child=$!
  wait "$child"
  code=$?
  child=''
  rm -f "$bundle/pid"
  crun --root "$root" delete --force "$id" 2>/dev/null
  case "$code" in
    0)
      echo "vauban: the instance switched itself off"
      : >"$disk/terminated"
      trap - TERM INT
      rest
      ;;
    133) echo "vauban: the instance reboots"; continue ;;
  esac
  echo "vauban: the instance ended with $code; booting it again in $pause s"
  [ "$(($(cut -d. -f1 /proc/uptime) - began))" -gt 30 ] && pause=1
  sleep "$pause"
  pause=$((pause < 30 ? pause * 2 : 30))
done
