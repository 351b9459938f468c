# What systemctl, journalctl and the monitor share: finding and reading units, their processes, their state and log.
# State is one small folder per unit under /run/systemd/vauban; nothing here needs cgroups or a bus.
library=/usr/lib/vauban
states=/run/systemd/vauban
logs=/var/log/vauban
unit_folders="/etc/systemd/system /run/systemd/system /usr/local/lib/systemd/system /lib/systemd/system /usr/lib/systemd/system"

now() { date +%s; }

# "nginx" -> "nginx.service"
with_suffix() {
  case "$1" in
    *.service | *.socket | *.target | *.timer | *.mount | *.path | *.slice | *.device | *.scope | *.swap | *.automount) echo "$1" ;;
    *) echo "$1.service" ;;
  esac
}

# Sets unit, fragment, load_state and props. Returns 4 when there is no such unit.
load() {
  unit=$(with_suffix "${1##*/}")
  fragment='' load_state=not-found props='' instance='' template=''
  case "$unit" in
    *@*.*)
      instance=${unit#*@}
      instance=${instance%.*}
      template="${unit%%@*}@.${unit##*.}"
      ;;
  esac
  for folder in $unit_folders; do
    for candidate in "$unit" $template; do
      if [ -L "$folder/$candidate" ] && [ "$(readlink "$folder/$candidate")" = /dev/null ]; then
        fragment="$folder/$candidate" load_state=masked
        return 0
      fi
      if [ -z "$fragment" ] && [ -f "$folder/$candidate" ]; then
        fragment="$folder/$candidate"
        # An alias is a link to the unit of another name; an enabled template is one to the template.
        if [ -L "$fragment" ]; then
          target=$(readlink -f "$fragment")
          case "${target##*/}" in
            "$candidate" | *@.*) ;;
            *) unit=${target##*/} ;;
          esac
          fragment=$target
          case "$fragment" in /usr/lib/systemd/*) fragment=${fragment#/usr} ;; esac
        fi
      fi
    done
  done
  [ -n "$fragment" ] || return 4
  load_state=loaded
  dropins=''
  for folder in /lib/systemd/system /run/systemd/system /etc/systemd/system; do
    for file in "$folder/$unit.d"/*.conf ${template:+"$folder/$template.d"/*.conf}; do
      [ -f "$file" ] && dropins="$dropins $file"
    done
  done
  # shellcheck disable=SC2086
  props=$(awk -v unit="$unit" -v instance="$instance" -v host="$(cat /proc/sys/kernel/hostname)" \
    -f "$library/unit.awk" "$fragment" $dropins)
  return 0
}

# All values of a key, one a line: `values Service.ExecStart`.
values() {
  case "$props" in *"$1="*) printf '%s\n' "$props" | sed -n "s/^$1=//p" ;; esac
}
# The last value, or a default.
value() {
  found=$(values "$1" | tail -n 1)
  echo "${found:-$2}"
}
description() { value Unit.Description "$unit"; }

seconds() {
  case "$1" in
    infinity | 0) echo 86400 ;;
    *ms) echo "0.${1%ms}" ;;
    *min) echo "$((${1%min} * 60))" ;;
    *s) echo "${1%s}" ;;
    *[!0-9.]* | '') echo "$2" ;;
    *) echo "$1" ;;
  esac
}

# --- state -----------------------------------------------------------------------------------------------------------

# Sets active, sub, since, main, result, status of $unit as they are now, whatever the last writer believed.
read_state() {
  active=inactive sub=dead since=0 main=0 result=success status=0
  # shellcheck disable=SC1090
  [ -f "$states/$unit/state" ] && . "$states/$unit/state"
  if [ "$active" = active ] && [ "$sub" = running ] && ! alive "$main"; then
    pid_file=$(value Service.PIDFile '')
    again=$([ -n "$pid_file" ] && cat "$pid_file" 2>/dev/null)
    if alive "$again"; then
      main=$again
    elif [ -n "$pid_file" ] || [ "$(value Service.Type simple)" = forking ]; then
      active=inactive sub=dead
    fi
  fi
  return 0
}

write_state() {
  mkdir -p "$states/$unit"
  printf 'active=%s sub=%s since=%s main=%s result=%s status=%s\n' \
    "$active" "$sub" "$since" "${main:-0}" "${result:-success}" "${status:-0}" >"$states/$unit/.state.$$"
  mv "$states/$unit/.state.$$" "$states/$unit/state"
}

# become ACTIVE SUB
become() {
  active=$1 sub=$2 since=$(now)
  write_state
}

alive() {
  case "$1" in '' | 0 | *[!0-9]*) return 1 ;; esac
  read -r line 2>/dev/null <"/proc/$1/stat" || return 1
  case "$line" in *') Z '* | *') X '*) return 1 ;; esac
}

# The processes of a unit: its main process and everything that descends from it, parents first.
processes_of() {
  alive "$1" || return 0
  cat /proc/[0-9]*/stat 2>/dev/null | awk -v root="$1" '
    { pid = $1; sub(/^.*\) /, ""); parent[pid] = $2; if ($1 != "Z") live[pid] = 1 }
    function show(p,   q) {
      print p
      for (q = p + 1; q <= top; q++) if ((q in live) && parent[q] == p) show(q)
      for (q = 2; q < p; q++) if ((q in live) && parent[q] == p) show(q)
    }
    { if (pid + 0 > top) top = pid + 0 }
    END { show(root + 0) }'
}

# --- log -------------------------------------------------------------------------------------------------------------

# Lines of systemd itself begin with a control character and the time; a unit's own output stands between them as it is.
log() {
  mkdir -p "$logs"
  printf '\036%s systemd[1]: %s\n' "$(now)" "$1" >>"$logs/$unit.log" 2>/dev/null
}

# show_log COUNT: the last lines of $unit as journalctl prints them.
show_log() {
  [ -r "$logs/$unit.log" ] || return 0
  # A few more than asked for, so that output without a time of its own still has a line with one above it.
  tail -n "$(($1 + 20))" "$logs/$unit.log" | awk -v host="$(cat /proc/sys/kernel/hostname)" -v name="${unit%.service}" '
    /^\036/ {
      sub(/^\036/, "")
      at = $1
      sub(/^[0-9]+ /, "")
      print strftime("%b %d %H:%M:%S", at) " " host " " $0
      next
    }
    { print (at == "" ? "" : strftime("%b %d %H:%M:%S", at) " ") host " " name ": " $0 }' | tail -n "$1"
}

# --- running commands of a unit --------------------------------------------------------------------------------------

# Sets unit_env: quoted NAME=VALUE words from Environment= and EnvironmentFile=.
load_environment() {
  unit_env=$(values Service.Environment | awk -f "$library/words.awk")
  [ -n "$(values Service.EnvironmentFile)" ] || return 0
  files=$(values Service.EnvironmentFile)
  while IFS= read -r file; do
    path=${file#-}
    if [ -r "$path" ]; then
      unit_env="$unit_env $(awk -v mode=env -f "$library/words.awk" "$path")"
    elif [ "$path" = "$file" ]; then
      log "$unit: Failed to load environment files: No such file or directory"
      return 1
    fi
  done <<LIST
$files
LIST
}

# run_command LINE: becomes the command of an Exec line; never returns. Call it in a subshell of its own.
run_command() {
  line=$1 privileged='' expand=1
  while :; do
    case "$line" in
      [-@]*) line=${line#?} ;;
      [+!]*) line=${line#?} privileged=1 ;;
      :*) line=${line#?} expand='' ;;
      *) break ;;
    esac
  done
  user=$(value Service.User '')
  group=$(value Service.Group '')
  home=/root
  [ -z "$user" ] || home=$(getent passwd "$user" | cut -d: -f6)
  base="PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8"
  [ -z "$user" ] || base="$base HOME='$home' LOGNAME='$user' USER='$user' SHELL=/bin/sh"
  base="$base INVOCATION_ID=$(tr -d - </proc/sys/kernel/random/uuid)"
  [ "${main:-0}" = 0 ] || base="$base MAINPID=$main"
  [ -z "$(value Service.RuntimeDirectory '')" ] || base="$base RUNTIME_DIRECTORY=/run/$(value Service.RuntimeDirectory '')"
  words=$(printf '%s\n' "$line" | eval "env -i $base $unit_env awk -v expand=$expand -f $library/words.awk")
  folder=$(value Service.WorkingDirectory /)
  case "$folder" in '~') folder=$home ;; esac
  cd "${folder#-}" 2>/dev/null || [ "$folder" != "${folder#-}" ] || exit 200
  umask "$(value Service.UMask 0022)"
  files=$(value Service.LimitNOFILE '')
  [ -z "$files" ] || ulimit -n "${files%%:*}" 2>/dev/null
  drop=''
  if [ -z "$privileged" ] && [ -n "$user$group" ]; then
    drop="setpriv --reuid='${user:-root}' --regid='${group:-$(id -gn "${user:-root}")}' --init-groups"
  fi
  eval "exec env -i --default-signal=INT,QUIT $base $unit_env $drop $words"
}

# control KEY: runs the lines of a key one behind the other; stops at the first that fails without a "-" before it.
control() {
  key=$1
  lines=$(values "Service.$key")
  [ -n "$lines" ] || return 0
  while IFS= read -r entry; do
    (run_command "$entry") </dev/null >>"$logs/$unit.log" 2>&1 8>&- &
    pid=$!
    wait "$pid"
    code=$?
    [ "$key" = ExecReload ] || printf '%s %s=%s (code=exited, status=%s)\n' "$pid" "$key" "${entry#[-@+!:]}" \
      "$(exit_name "$code")" >>"$states/$unit/processes"
    case "$entry" in -*) code=0 ;; esac
    [ "$code" = 0 ] && continue
    log "$unit: Control process exited, code=exited, status=$(exit_name "$code")"
    status=$code
    return 1
  done <<LIST
$lines
LIST
}

exit_name() {
  case "$1" in
    0) echo 0/SUCCESS ;;
    1) echo 1/FAILURE ;;
    2) echo 2/INVALIDARGUMENT ;;
    126 | 127) echo 203/EXEC ;;
    200) echo 200/CHDIR ;;
    *) echo "$1/n/a" ;;
  esac
}
