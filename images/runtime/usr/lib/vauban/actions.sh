# Starting, stopping and reloading a unit that load() has read. Sourced by systemctl.

# One action on a unit at a time; its processes must not inherit the lock.
lock_unit() {
  mkdir -p "$states/$unit" "$logs"
  exec 8>"$states/$unit/lock"
  flock 8
}
unlock_unit() { exec 8>&-; }

# True when every condition holds: a path that exists (or, with !, does not).
conditions_hold() {
  for key in ConditionPathExists ConditionPathIsDirectory ConditionFileIsExecutable ConditionFileNotEmpty; do
    case "$key" in
      ConditionPathExists) test=-e ;; ConditionPathIsDirectory) test=-d ;;
      ConditionFileIsExecutable) test=-x ;; *) test=-s ;;
    esac
    for path in $(values "Unit.$key"); do
      case "$path" in
        !*) [ ! "$test" "${path#!}" ] || return 1 ;;
        *) [ "$test" "${path#|}" ] || return 1 ;;
      esac
    done
  done
  [ -z "$(values Unit.ConditionKernelModuleLoaded)$(values Unit.ConditionCapability)" ]
}

make_directories() {
  owner=$(value Service.User root)
  for pair in RuntimeDirectory:/run StateDirectory:/var/lib CacheDirectory:/var/cache LogsDirectory:/var/log; do
    for name in $(values "Service.${pair%%:*}"); do
      mkdir -p -m "$(value "Service.${pair%%:*}Mode" 0755)" "${pair#*:}/$name"
      chown "$owner:$(value Service.Group "$(id -gn "$owner")")" "${pair#*:}/$name"
    done
  done
}

fail_start() {
  result=${1:-exit-code} main=0
  log "$unit: Failed with result '$result'."
  log "Failed to start $(description)."
  become failed failed
  unlock_unit
  case "$result" in
    timeout) echo "Job for $unit failed because a timeout was exceeded." >&2 ;;
    *) echo "Job for $unit failed because the control process exited with error code." >&2 ;;
  esac
  echo "See \"systemctl status $unit\" and \"journalctl -xe\" for details." >&2
  return 1
}

do_start() {
  if [ "$load_state" = masked ]; then
    echo "Failed to start $unit: Unit $unit is masked." >&2
    return 1
  fi
  lock_unit
  read_state
  case "$unit:$active" in
    *:active) unlock_unit; return 0 ;;
    *.service:*) ;;
    *) main=0; become active active; unlock_unit; return 0 ;;
  esac
  : >"$states/$unit/processes"
  main=0 status=0 result=success
  if ! conditions_hold; then
    log "Condition check resulted in $(description) being skipped."
    become inactive dead
    unlock_unit
    return 0
  fi
  trim_log
  log "Starting $(description)..."
  become activating start
  make_directories
  load_environment || { fail_start resources; return 1; }
  control ExecStartPre || { fail_start; return 1; }
  case "$(value Service.Type simple)" in
    oneshot) start_oneshot ;;
    forking) start_forking ;;
    *) start_simple ;;
  esac || return 1
  control ExecStartPost
  log "Started $(description)."
  unlock_unit
}

start_oneshot() {
  control ExecStart || { fail_start; return 1; }
  case "$(value Service.RemainAfterExit no)" in
    yes | true | 1 | on) become active exited ;;
    *) become inactive dead ;;
  esac
}

start_forking() {
  control ExecStart || { fail_start; return 1; }
  pid_file=$(value Service.PIDFile '')
  if [ -n "$pid_file" ]; then
    case "$pid_file" in /var/run/*) pid_file=${pid_file#/var} ;; /*) ;; *) pid_file=/run/$pid_file ;; esac
    tries=0
    while main=$(cat "$pid_file" 2>/dev/null); ! alive "$main"; do
      tries=$((tries + 1))
      [ "$tries" -lt 200 ] || { fail_start timeout; return 1; }
      sleep 0.05
    done
  else
    program=$(values Service.ExecStart | head -n 1 | sed 's/^[-@+!:]*//; s/ .*//')
    main=$(pidof "$program" | tr ' ' '\n' | sort -n | head -n 1)
  fi
  if alive "$main"; then become active running; else become active exited; fi
}

start_simple() {
  setsid "$library/monitor" "$unit" </dev/null >>"$logs/$unit.log" 2>&1 8>&- &
  tries=0
  until read_state; [ "$main" != 0 ] || [ "$active" = failed ] || [ "$active" = inactive ] || [ "$tries" -ge 200 ]; do
    tries=$((tries + 1))
    sleep 0.01
  done
  # A service that would tell when it is ready (notify) is given the time in which most mistakes show.
  case "$(value Service.Type simple)" in notify | notify-reload | dbus) sleep 0.1 ;; esac
  read_state
  case "$active:$sub" in
    failed:*) fail_start "$result"; return 1 ;;
    activating:start) become active running ;;
  esac
}

do_stop() {
  lock_unit
  read_state
  if [ "$active" = inactive ] || [ "$active" = failed ]; then
    unlock_unit
    return 0
  fi
  members=$(processes_of "$main")
  log "Stopping $(description)..."
  become deactivating stop-sigterm
  load_environment
  control ExecStop
  signal=$(value Service.KillSignal SIGTERM)
  mode=$(value Service.KillMode control-group)
  case "$mode" in
    none) ;;
    process | mixed) kill -"${signal#SIG}" "$main" 2>/dev/null ;;
    # shellcheck disable=SC2086
    *) kill -"${signal#SIG}" $members 2>/dev/null ;;
  esac
  waited='' limit=$(seconds "$(value Service.TimeoutStopSec 10)" 10)
  while any_alive "$mode" && [ "${#waited}" -lt "$((${limit%.*} * 20))" ]; do
    waited="$waited."
    sleep 0.05
  done
  case "$mode" in
    none | process) ;;
    # shellcheck disable=SC2086
    *) kill -KILL $members 2>/dev/null ;;
  esac
  [ "$mode" = process ] && kill -KILL "$main" 2>/dev/null
  control ExecStopPost
  case "$(value Service.RuntimeDirectoryPreserve no)" in
    no) for name in $(values Service.RuntimeDirectory); do rm -rf "/run/${name:?}"; done ;;
  esac
  main=0 result=success
  become inactive dead
  log "$unit: Succeeded."
  log "Stopped $(description)."
  unlock_unit
}

any_alive() {
  case "$1" in
    process | none) alive "$main" ;;
    *)
      for member in $members; do alive "$member" && return 0; done
      return 1
      ;;
  esac
}

do_reload() {
  if [ -z "$(values Service.ExecReload)" ]; then
    echo "Failed to reload $unit: Job type reload is not applicable for unit $unit." >&2
    return 1
  fi
  read_state
  if [ "$active" != active ]; then
    echo "$unit is not active, cannot reload." >&2
    return 1
  fi
  log "Reloading $(description)."
  load_environment
  if ! control ExecReload; then
    echo "Job for $unit failed because the control process exited with error code." >&2
    echo "See \"systemctl status $unit\" and \"journalctl -xe\" for details." >&2
    return 1
  fi
  log "Reloaded $(description)."
}

trim_log() {
  size=$(stat -c %s "$logs/$unit.log" 2>/dev/null || echo 0)
  [ "$size" -lt 1000000 ] && return 0
  tail -c 200000 "$logs/$unit.log" >"$logs/$unit.log.new" && cat "$logs/$unit.log.new" >"$logs/$unit.log"
  rm -f "$logs/$unit.log.new"
}
