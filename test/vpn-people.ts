import { request } from 'node:http';

/** Asks the edge service about people, as the VPN service of a gateway does. */
export const vpnAsk = <T>(socketPath: string, path: string, body: object): Promise<T> =>
  new Promise((done, fail) => {
    const asked = request({ socketPath, path, method: 'POST', agent: false, headers: { host: 'edge' } }, (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (part: string) => {
        text += part;
      });
      answer.on('end', () => done(JSON.parse(text) as T));
    });
    asked.on('error', fail);
    asked.end(JSON.stringify(body));
  });

export interface Following {
  /** What was told so far, heartbeats left out. */
  readonly told: readonly { readonly email?: string }[];
  stop(): void;
}

/** Follows whose rights may have changed. */
export function vpnFollow(socketPath: string): Following {
  const told: { email?: string }[] = [];
  const asked = request({ socketPath, path: '/v1/vpn/changes', headers: { host: 'edge' } }, (answer) => {
    answer.on('error', () => {});
    answer.setEncoding('utf8').on('data', (part: string) => {
      for (const line of part.split('\n').filter((it) => it !== '')) {
        const value = JSON.parse(line) as { email?: string; heartbeat?: true };
        if (value.heartbeat === undefined) told.push(value);
      }
    });
  });
  asked.on('error', () => {});
  asked.end();
  return { told, stop: () => asked.destroy() };
}
