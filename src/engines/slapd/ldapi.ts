import { connect } from 'node:net';
import { Client } from 'ldapts';

/** Milliseconds that one operation may take. */
const patience = 15_000;

/** A connection over a directory's socket; nobody is bound to it yet. */
export const ldapiClient = (socket: string): Client =>
  new Client({
    url: 'ldap://localhost',
    timeout: patience,
    connectTimeout: patience,
    createConnection: () => connect(socket),
  });

/** Runs something as the user that this process runs as, which the kernel tells the directory; closes afterwards. */
export async function asOurselves<T>(socket: string, act: (client: Client) => Promise<T>): Promise<T> {
  const client = ldapiClient(socket);
  try {
    await client.bind('EXTERNAL');
    return await act(client);
  } finally {
    await client.unbind().catch(() => {});
  }
}
