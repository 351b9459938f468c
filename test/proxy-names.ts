import { createSocket } from 'node:dgram';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';

/** Run in a namespace: a name server that tells what a file says (NAME to address; else there is no such name), and web servers. */
const [file = '', ...addresses] = process.argv.slice(2);

for (const address of addresses) {
  createServer((_, response) => {
    response.end(`outside ${address}`);
  }).listen(80, address);
}

const server = createSocket('udp4');
server.on('message', (query, { address, port }) => {
  const known = JSON.parse(readFileSync(file, 'utf8')) as Record<string, string>;
  const labels: string[] = [];
  let at = 12;
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    labels.push(query.subarray(at + 1, at + 1 + length).toString());
    at += length + 1;
  }
  const end = at + 5;
  const found = query.readUInt16BE(at + 1) === 1 ? known[labels.join('.').toLowerCase()] : undefined;
  const head = Buffer.from(query.subarray(0, 12));
  // An answer, authoritative; without the name: it does not exist.
  head.writeUInt16BE(found === undefined ? 0x8583 : 0x8580, 2);
  head.writeUInt16BE(found === undefined ? 0 : 1, 6);
  head.writeUInt32BE(0, 8);
  const answer =
    found === undefined
      ? Buffer.alloc(0)
      : Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, ...found.split('.').map(Number)]);
  server.send(Buffer.concat([head, query.subarray(12, end), answer]), port, address);
});
server.bind(53, addresses[0]);
