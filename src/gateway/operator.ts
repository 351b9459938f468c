import { rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { type GatewayStatus, Steer } from '#engines/gateway-service/status.ts';

export interface OperatorParts {
  status(): GatewayStatus;
  /** Undefined: done. Otherwise why not. */
  steer(wish: Steer): string | undefined;
}

/** The socket of the host agent: how this node is, and what people want of it. */
export function operatorServer(socket: string, parts: OperatorParts): Server {
  rmSync(socket, { force: true });
  const server = createServer((asked, answer) => {
    if (asked.method === 'GET') {
      answer.setHeader('content-type', 'application/json');
      answer.end(JSON.stringify(parts.status()));
      return;
    }
    let text = '';
    asked.setEncoding('utf8').on('data', (part: string) => {
      text = (text + part).slice(0, 4096);
    });
    asked.on('end', () => {
      const wish = Steer.safeParse(parsed(text));
      const refusal = wish.success ? parts.steer(wish.data) : 'not understood';
      answer.writeHead(refusal === undefined ? 200 : 409).end(refusal ?? '');
    });
  });
  return server.listen(socket);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
