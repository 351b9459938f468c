import { createSocket, type Socket } from 'node:dgram';
import type { ServiceFile } from '#engines/gateway-service/input.ts';
import { type Way, ways } from './hearing.ts';

export interface Ways {
  send(way: Way, datagram: Buffer): void;
  close(): void;
}

/** Milliseconds until a socket that failed is opened again: its address may come back. */
const AGAIN = 500;

/** The two sockets of heartbeats. An error on one (a link that is down) is silence, and nothing else. */
export function openWays(input: ServiceFile, onDatagram: (datagram: Buffer, way: Way) => void): Ways {
  const sockets = new Map<Way, Socket>();
  let closed = false;
  const open = (way: Way): void => {
    if (closed) return;
    const socket = createSocket('udp4');
    socket.on('error', () => {
      sockets.delete(way);
      socket.close();
      setTimeout(() => open(way), AGAIN);
    });
    socket.on('message', (datagram, from) => {
      if (from.address === input[way].peer) onDatagram(datagram, way);
    });
    socket.bind({ address: input[way].own, port: input.port }, () => sockets.set(way, socket));
  };
  for (const way of ways) open(way);
  return {
    send(way, datagram) {
      sockets.get(way)?.send(datagram, input.port, input[way].peer, () => {});
    },
    close() {
      closed = true;
      for (const it of sockets.values()) it.close();
    },
  };
}
