import { granting } from '#engines/filter/granting.ts';
import type { VpnFile } from '#engines/openvpn/input.ts';
import type { OpenvpnPaths } from '#engines/openvpn/paths.ts';
import { Connection } from './connection.ts';
import { Edge } from './edge.ts';
import { lineOf } from './events.ts';
import { exec } from './exec.ts';
import { readAddresses, readSessions, writeAddresses, writeSessions } from './kept.ts';
import { operatorServer } from './operator.ts';
import { followRevocations } from './revocations.ts';
import { VpnServer } from './server.ts';
import type { Transport } from './session.ts';

/** Milliseconds until changes of who is connected are written down. */
const DELAY = 200;
/** Milliseconds in which a client hears that it is to leave. */
const GRACE = 300;
/** Milliseconds between two looks at everybody's rights when nobody has told of a change. */
const LOOK = 60_000;

type Paths = Pick<OpenvpnPaths, 'management' | 'service' | 'sessions' | 'addresses'>;

export interface Started {
  take(file: VpnFile, hash: string): void;
  stop(): void;
}

/** The VPN service of one gateway. */
export function startVpn(first: { readonly file: VpnFile; readonly hash: string }, paths: Paths): Started {
  let { file, hash } = first;
  let refused = 0;
  const wanted = file.listeners.map((it) => it.transport);
  const connections = new Map<Transport, Connection>();
  const edge = new Edge(file.edgeSocket, file.server);
  const addresses = readAddresses(paths.addresses);
  const log = (text: string): void => console.log(JSON.stringify({ vpn: 0, text }));

  let due: NodeJS.Timeout | undefined;
  const keep = (): void => {
    due ??= setTimeout(write, DELAY);
  };
  const write = (): void => {
    clearTimeout(due);
    due = undefined;
    writeSessions(paths.sessions, server.sessions);
    writeAddresses(paths.addresses, addresses);
  };

  const server: VpnServer = new VpnServer({
    ...{ edge, addresses, keep },
    file: () => file,
    rights: granting({ run: file.run, namespace: file.namespace, source: 'vpn', exec, now: () => new Date() }),
    command: (transport, text) =>
      connections.get(transport)?.command(text) ?? Promise.reject(new RangeError('openvpn is not there')),
    sessions: readSessions(paths.sessions).filter((it) => wanted.includes(it.transport)),
    tell: (event) => {
      if (event.event === 'refused') refused++;
      console.log(lineOf(event, new Date()));
    },
    now: () => Date.now(),
    soon: (work) => void setTimeout(work, GRACE),
  });

  for (const transport of wanted) {
    const connection = new Connection({
      path: paths.management(transport),
      attached: (it) => server.attached(transport, it),
      heard: (message) => server.heard(transport, message),
      log,
    });
    connections.set(transport, connection);
  }
  const told = (email: string | undefined): void => void server.changed(email).catch(() => undefined);
  const ends = [edge.follow(told), followRevocations(file.crl, (serials) => server.revoked(serials))];
  const looking = setInterval(() => told(undefined), LOOK);
  const operator = operatorServer(paths.service, {
    status: () => ({
      input: hash,
      ready: wanted.filter((it) => connections.get(it)?.isAttached === true),
      sessions: [...server.sessions],
      refused,
    }),
    disconnect: (email) => server.disconnect(email),
  });
  return {
    take: (next, itsHash) => {
      [file, hash] = [next, itsHash];
      server.settle();
    },
    // Nobody who is connected is harmed: whoever succeeds finds them again.
    stop: () => {
      for (const end of ends) end();
      clearInterval(looking);
      operator.close();
      for (const it of connections.values()) it.stop();
      write();
    },
  };
}
