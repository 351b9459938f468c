import { spawnSync } from 'node:child_process';
import { userNames } from '#core/deployment.ts';
import type { SystemUser, SystemUsers } from '#core/machine.ts';
import { Problem } from '#core/problem.ts';

/** The system users that our unprivileged processes run as. Throws HOST_UNFIT when one is missing. */
export const systemUsers = (): SystemUsers => ({
  control: required(userNames.control),
  metadata: required(userNames.metadata),
  edge: required(userNames.edge),
  proxy: required(userNames.proxy),
  directory: required(userNames.directory),
  gateway: required(userNames.gateway),
  ipsec: required(userNames.ipsec),
  dhcp: required(userNames.dhcp),
  urlFilter: required(userNames.urlFilter),
  vpn: required(userNames.vpn),
});

/** Makes those that are missing. */
export function ensureUsers(): SystemUsers {
  for (const name of Object.values(userNames)) {
    if (userNamed(name) !== undefined) continue;
    spawnSync('useradd', [
      ...['--system', '--user-group', '--home-dir', '/nonexistent', '--no-create-home'],
      ...['--shell', '/usr/sbin/nologin', name],
    ]);
  }
  return systemUsers();
}

function required(name: string): SystemUser {
  const user = userNamed(name);
  if (user !== undefined) return user;
  throw new Problem('HOST_UNFIT', {
    at: `user ${name}`,
    message: 'it does not exist and could not be made',
    fix: `Make a system user and group named ${name}.`,
  });
}

function userNamed(name: string): SystemUser | undefined {
  const [uid, gid] = ['-u', '-g'].map((flag) => spawnSync('id', [flag, name], { encoding: 'utf8' }));
  return uid?.status === 0 && gid?.status === 0 ? { uid: Number(uid.stdout), gid: Number(gid.stdout) } : undefined;
}
