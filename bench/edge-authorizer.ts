/**
 * What stands behind `auth_request` and `forward_auth` in `edge-peers.ts`: who may pass is known by heart. It flatters
 * whoever asks it: no session store, no policy, no signature. Arguments: file of cookies, port.
 */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';

const [file = '', port] = process.argv.slice(2);
const known = new Map<string, string>(JSON.parse(readFileSync(file, 'utf8')));
/** As long as ours. */
const assertion = 'x'.repeat(400);

const server = createServer({ keepAliveTimeout: 600_000 }, (request, response) => {
  const email = known.get(request.headers.cookie ?? '');
  const headers = email === undefined ? {} : { 'x-auth-email': email, 'x-auth-assertion': assertion };
  response.writeHead(email === undefined ? 401 : 204, headers).end();
});
server.listen(Number(port), '127.0.0.1');
