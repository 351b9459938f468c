import type { Duplex } from 'node:stream';

/**
 * Joins two connections: what comes from one goes to the other, as fast as that one takes it. An end is passed on when
 * everything before it has arrived; when one of the two breaks, so does the other.
 */
export function splice(one: Duplex, other: Duplex): void {
  join(one, other);
  join(other, one);
}

function join(from: Duplex, to: Duplex): void {
  from.pipe(to);
  from.on('error', () => to.destroy());
  from.on('close', () => {
    if (!from.readableEnded || to.writableFinished) to.destroy();
    else to.end(() => to.destroy());
  });
}
