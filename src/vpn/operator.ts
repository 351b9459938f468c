import { rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { Steer } from '#engines/openvpn/status.ts';

export interface OperatorParts {
  /** What is told of oneself, in JSON. */
  status(): object;
  /** Gives how many sessions of that person have ended. */
  disconnect(email: string): number | Promise<number>;
}

const LONGEST = 4096;

/** The socket of the host agent: who is connected, and who shall not be. */
export function operatorServer(socket: string, parts: OperatorParts): Server {
  rmSync(socket, { force: true });
  const ended = async (email: string): Promise<number | undefined> => {
    try {
      return await parts.disconnect(email);
    } catch (error) {
      console.error(String(error));
      return undefined;
    }
  };
  const server = createServer((asked, answer) => {
    answer.setHeader('content-type', 'application/json');
    if (asked.method === 'GET') {
      answer.end(JSON.stringify(parts.status()));
      return;
    }
    let text = '';
    asked.setEncoding('utf8').on('data', (part: string) => {
      text = (text + part).slice(0, LONGEST);
    });
    asked.on('end', () => {
      const wish = wishIn(text);
      if (wish === undefined) answer.writeHead(400).end('{}');
      else
        void ended(wish.email).then((it) =>
          answer.writeHead(it === undefined ? 500 : 200).end(JSON.stringify({ ended: it })),
        );
    });
  });
  return server.listen(socket);
}

function wishIn(text: string): Steer | undefined {
  try {
    return Steer.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}
