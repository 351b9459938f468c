# What systemctl shows of units, in systemd's own form. Sourced by systemctl.

systemd_version() { case "$(. /etc/os-release && echo "$VERSION_ID")" in 11) echo 247 ;; *) echo 252 ;; esac; }

enabled_state() {
  [ "$load_state" = masked ] && { echo masked; return; }
  for link in /etc/systemd/system/*.wants/"$unit" /etc/systemd/system/*.requires/"$unit"; do
    [ -L "$link" ] && { echo enabled; return; }
  done
  if [ -n "$(values Install.WantedBy)$(values Install.RequiredBy)$(values Install.Alias)" ]; then
    echo disabled
  elif [ -n "$(values Install.Also)" ]; then
    echo indirect
  else
    echo static
  fi
}

# "5h 24min ago", from seconds.
ago() {
  if [ "$1" -lt 60 ]; then echo "${1}s ago"
  elif [ "$1" -lt 3600 ]; then echo "$(($1 / 60))min $(($1 % 60))s ago"
  elif [ "$1" -lt 86400 ]; then echo "$(($1 / 3600))h $(($1 % 3600 / 60))min ago"
  else echo "$(($1 / 86400)) days ago"
  fi
}

command_line() {
  text=$(tr '\0' ' ' 2>/dev/null <"/proc/$1/cmdline" | sed 's/ *$//')
  [ -n "$text" ] && echo "$text" || echo "[$(cat "/proc/$1/comm" 2>/dev/null)]"
}

status_of() {
  if ! load "$1"; then
    echo "Unit $unit could not be found." >&2
    return 4
  fi
  read_state
  dot=●
  [ "$active" = inactive ] && dot=○
  [ "$active" = failed ] && dot=×
  version=$(systemd_version)
  # The release of Debian 11 shows one dot for every state and says "vendor preset".
  preset='preset: enabled'
  [ "$version" = 247 ] && dot=● preset='vendor preset: enabled'
  if [ "$load_state" = masked ]; then
    printf '%s %s\n     Loaded: masked (Reason: Unit %s is masked.)\n' "$dot" "$unit" "$unit"
  else
    printf '%s %s - %s\n' "$dot" "$unit" "$(description)"
    printf '     Loaded: loaded (%s; %s; %s)\n' "$fragment" "$(enabled_state)" "$preset"
  fi
  [ -z "$dropins" ] || printf '    Drop-In: %s\n' "${dropins# }"
  reason=''
  [ "$active" = failed ] && reason="Result: $result"
  if [ "$since" = 0 ]; then
    printf '     Active: %s (%s)\n' "$active" "$sub"
  else
    printf '     Active: %s (%s) since %s; %s\n' "$active" "${reason:-$sub}" \
      "$(date -u -d "@$since" '+%a %Y-%m-%d %H:%M:%S UTC')" "$(ago "$(($(now) - since))")"
  fi
  label='       Docs: '
  for document in $(values Unit.Documentation); do
    printf '%s%s\n' "$label" "$document"
    label='             '
  done
  [ ! -s "$states/$unit/processes" ] || sed 's/^\([0-9]*\) /    Process: \1 /' "$states/$unit/processes"
  if alive "$main"; then
    status_processes
  fi
  if [ "$lines" != 0 ] && [ -s "$logs/$unit.log" ]; then
    echo
    show_log "$lines"
  fi
  case "$active" in active | reloading) return 0 ;; *) return 3 ;; esac
}

status_processes() {
  members=$(processes_of "$main")
  limit=$(cat "$states/tasks" 2>/dev/null)
  printf '   Main PID: %s (%s)\n' "$main" "$(cat "/proc/$main/comm" 2>/dev/null)"
  threads=0 files='' memory_files=''
  for member in $members; do
    files="$files /proc/$member/stat"
    memory_files="$memory_files /proc/$member/smaps_rollup"
    for thread in /proc/"$member"/task/*; do threads=$((threads + 1)); done
  done
  printf '      Tasks: %s%s\n' "$threads" "${limit:+ (limit: $limit)}"
  # shellcheck disable=SC2086
  memory=$(cat $memory_files 2>/dev/null | awk '/^Pss:/ { sum += $2 } END { if (sum) printf "%.1fM", sum / 1024 }')
  [ -z "$memory" ] || printf '     Memory: %s\n' "$memory"
  # shellcheck disable=SC2086
  cat $files 2>/dev/null | awk '{ sub(/^.*\) /, ""); ticks += $12 + $13 } END {
    ms = ticks * 10
    if (ms < 1000) printf "        CPU: %dms\n", ms
    else printf "        CPU: %.3fs\n", ms / 1000 }'
  printf '     CGroup: /system.slice/%s\n' "$unit"
  last=''
  for member in $members; do last=$member; done
  for member in $members; do
    if [ "$member" = "$last" ]; then mark=└─; else mark=├─; fi
    printf '             %s%s %s\n' "$mark" "$member" "$(command_line "$member")"
  done
}

show_unit() {
  load "$1"
  read_state
  shown="Type=$(value Service.Type simple)
Restart=$(value Service.Restart no)
PIDFile=$(value Service.PIDFile '')
MainPID=${main:-0}
ControlPID=0
Result=$result
ExecMainPID=${main:-0}
ExecMainStatus=$status
NRestarts=0
User=$(value Service.User '')
Id=$unit
Names=$unit
Description=$(description)
LoadState=$load_state
ActiveState=$active
SubState=$sub
FragmentPath=$fragment
UnitFileState=$([ "$load_state" = not-found ] || enabled_state)
UnitFilePreset=enabled
ActiveEnterTimestamp=$([ "$since" = 0 ] || date -u -d "@$since" '+%a %Y-%m-%d %H:%M:%S UTC')
CanStart=$([ "$load_state" = loaded ] && echo yes || echo no)
CanStop=$([ "$load_state" = loaded ] && echo yes || echo no)
CanReload=$([ -n "$(values Service.ExecReload)" ] && echo yes || echo no)
NeedDaemonReload=no
RefuseManualStart=no"
  if [ -n "$properties" ]; then
    for name in $(echo "$properties" | tr ',' ' '); do
      found=$(printf '%s\n' "$shown" | sed -n "s/^$name=//p")
      if [ -n "$value_only" ]; then printf '%s\n' "$found"; else printf '%s=%s\n' "$name" "$found"; fi
    done
  elif [ -n "$value_only" ]; then
    printf '%s\n' "$shown" | sed 's/^[^=]*=//'
  else
    printf '%s\n' "$shown"
  fi
}

cat_unit() {
  if ! load "$1"; then
    echo "No files found for $unit." >&2
    return 1
  fi
  for file in "$fragment" $dropins; do
    printf '# %s\n' "$file"
    cat "$file"
  done
}

list_units() {
  case "$type" in '' | service) ;; *) return 0 ;; esac
  count=0
  [ -z "$legend" ] || printf '  %-24s %-6s %-8s %-8s %s\n' UNIT LOAD ACTIVE SUB DESCRIPTION
  for folder in "$states"/*.service; do
    [ -d "$folder" ] || continue
    load "${folder##*/}" || continue
    read_state
    [ "$active" = inactive ] && [ -z "$all" ] && continue
    mark=' '
    [ "$active" = failed ] && mark=●
    printf '%s %-24s %-6s %-8s %-8s %s\n' "$mark" "$unit" "$load_state" "$active" "$sub" "$(description)"
    count=$((count + 1))
  done
  [ -z "$legend" ] || printf '\n%s loaded units listed.\n' "$count"
}

list_unit_files() {
  [ -z "$legend" ] || printf '%-40s %-10s %s\n' 'UNIT FILE' STATE 'VENDOR PRESET'
  for file in /etc/systemd/system/*.service /lib/systemd/system/*.service; do
    [ -f "$file" ] || continue
    load "${file##*/}" || continue
    printf '%-40s %-10s enabled\n' "${file##*/}" "$(enabled_state)"
  done | sort -u
}
