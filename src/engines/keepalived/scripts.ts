import type { KeepalivedInput } from './input.ts';
import type { ClusterPaths } from './paths.ts';

/** Paths and names are judged by schemas and hold no quote. */
const quoted = (word: string): string => `'${word}'`;

/**
 * Acts on changes of role, one after the other, also when nobody of ours is alive. It keeps the pipe open for writing as
 * well, so that it never ends; what it was about when it died is done again.
 */
export function renderRoles(input: KeepalivedInput, paths: ClusterPaths, scan: string): string {
  const conntrackd = (...flags: string[]): string[] =>
    input.connections ? flags.map((it) => `timeout 5 conntrackd -C ${quoted(paths.conntrackdConfig)} ${it}`) : [];
  const services = (flag: string): string[] =>
    input.activeOnly.map((it) => `[ ! -e ${quoted(`${scan}/${it}`)} ] || s6-svc ${flag} ${quoted(`${scan}/${it}`)}`);
  const restore = input.files.flatMap(({ name, path }) => {
    const [kept, own] = [quoted(`${paths.replicated}/${name}`), quoted(`${paths.state}/${path}`)];
    // To some shells nothing is newer than a file that is not there.
    return [`if [ -e ${kept} ] && { [ ! -e ${own} ] || [ ${kept} -nt ${own} ]; }; then`, `  cat ${kept} >${own}`, 'fi'];
  });
  const body = (lines: readonly string[]): string => lines.map((it) => `  ${it}\n`).join('');
  return `#!/bin/sh
role=${quoted(paths.role)}

tell() {
  old=; since=
  [ ! -e "$role" ] || read -r old since <"$role"
  [ "$old" = "$1" ] || printf '%s %s\\n' "$1" "$(date +%s.%3N)" >"$role.new"
  [ ! -e "$role.new" ] || mv "$role.new" "$role"
}

active() {
${body([...restore, 'tell active', ...conntrackd('-c', '-f', '-R', '-B'), ...services('-u')])}}

passive() {
  tell "$1"
${body([...services('-d'), ...conntrackd('-t', '-n')])}}

# A connection tracker that was started again knows nothing of the other node, and the other nothing of it.
tracker() {
  tries=0
  until timeout 5 conntrackd -C ${quoted(paths.conntrackdConfig)} -s >/dev/null 2>&1; do
    tries=$((tries + 1)); [ "$tries" -lt 25 ] || return 0; sleep 0.2
  done
  read -r now rest <"$role" || return 0
  if [ "$now" = active ]; then
${body([':', ...conntrackd('-R', '-B')])}  else
${body([':', ...conntrackd('-n')])}  fi
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

exec 3<>${quoted(paths.events)}
if [ -s "$role.event" ]; then read -r state <"$role.event"; act "$state"; fi
while read -r kind name state rest <&3; do
  echo "$kind $name $state"
  echo "$state" >"$role.event"
  act "$state" 3<&-
  : >"$role.event"
done
`;
}

/**
 * A link that is back, or a node: connections that did not change meanwhile are told by nobody. Asking is all that a service
 * without privilege can do, and once a second.
 */
export const renderRequests = (paths: ClusterPaths): string => `#!/bin/sh
exec 3<>${quoted(paths.requests)}
while read -r request <&3; do
  echo 'INSTANCE "gateway" TRACKER' 1<>${quoted(paths.events)}
  sleep 1
done
`;

/**
 * Takes what keepalived may have left behind after a death that it did not see coming: otherwise both nodes would have the
 * addresses.
 */
export function renderDown(input: KeepalivedInput, paths: ClusterPaths, namespace: string): string {
  const batch = [
    ...input.routes.map((it) => `route del ${it.destination} via ${it.via} dev ${it.interface}`),
    ...input.shared.map((it) => `addr del ${it.prefix} dev ${it.interface}`),
  ];
  return `#!/bin/sh
nsenter --net=/run/netns/${namespace} -- ip -force -batch - >/dev/null 2>&1 <<'END'
${batch.join('\n')}
END
echo 'INSTANCE "gateway" STOPPED' 1<>${quoted(paths.events)}
`;
}
