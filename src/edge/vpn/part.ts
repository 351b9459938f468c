import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type * as z from 'zod';
import type { Accounts } from '../directory/accounts.ts';
import type { Edge, EdgePart } from '../edge.ts';
import { Ending, Portal, type PortalQuestions, portalQuestions } from '../portal/questions.ts';
import type { SignedInStore } from '../portal/signed-in.ts';
import type { Guards } from '../sign-in/guards.ts';
import { type Admission, Knock, Question, vpnAdmission } from './admission.ts';
import { vpnArrivals } from './arrivals.ts';
import { VpnChanges } from './changes.ts';
import { vpnPolicies } from './rights.ts';

/** Characters of a question. */
const LONGEST = 32_768;

/** Who may come in at gateways, for whoever else lets people in. */
export interface VpnPart extends EdgePart {
  readonly admission: Admission;
  readonly portals: PortalQuestions;
  readonly changed: (email: string) => void;
}

/**
 * What the services of gateways ask about people, over a socket that only they can open: `POST /v1/vpn/authenticate`,
 * `POST /v1/vpn/rights`, `GET /v1/vpn/changes`, `POST /v1/portal/sessions`, `POST /v1/portal/end`.
 */
export async function vpnPart(
  edge: Edge,
  it: { readonly accounts: Accounts; readonly guards: Guards; readonly signedIn: SignedInStore },
): Promise<VpnPart> {
  const { accounts, guards } = it;
  const changes = new VpnChanges(edge.now);
  let policies = vpnPolicies(edge.input());
  edge.onInput((next) => {
    policies = vpnPolicies(next);
    changes.tell();
  });
  const forget = accounts.onChange(({ email }) => changes.tell(email));
  const admission = vpnAdmission({
    ...{ edge, accounts, guards, arrivals: vpnArrivals(edge.database, edge.now), policies: () => policies },
    due: (email, at) => changes.due(email, at),
  });
  const changed = (email: string): void => changes.tell(email);
  const portals = portalQuestions({
    ...{ edge, admission, changed, store: it.signedIn },
    due: (email, at) => changes.due(email, at),
  });
  const server = createServer((request, response) => {
    const answer = async (): Promise<void> => {
      switch (`${request.method} ${request.url}`) {
        case 'POST /v1/vpn/authenticate':
          return said(response, await admission.authenticate(await asked(request, Knock)));
        case 'POST /v1/vpn/rights':
          return said(response, admission.rights(await asked(request, Question)));
        case 'POST /v1/portal/sessions':
          return said(response, { sessions: portals.sessions((await asked(request, Portal)).portal) });
        case 'POST /v1/portal/end':
          return said(response, { ended: portals.end(await asked(request, Ending)) });
        case 'GET /v1/vpn/changes':
          return changes.listen(response);
        default:
          return said(response, { message: 'There is nothing here.' }, 404);
      }
    };
    answer().catch((error: unknown) => {
      const isTheirs = error instanceof BadQuestion;
      if (!isTheirs) edge.log('defect', { at: 'vpn', message: String(error) });
      if (response.headersSent) response.destroy();
      else said(response, { message: isTheirs ? error.message : 'Something went wrong here.' }, isTheirs ? 400 : 500);
    });
  });
  const path = edge.paths.vpn;
  rmSync(path, { force: true });
  server.listen(path);
  await once(server, 'listening');
  return {
    ...{ admission, portals, changed },
    counters: () => ({ vpnServices: changes.listeners }),
    async stop() {
      forget();
      changes.stop();
      server.close();
      server.closeAllConnections();
    },
  };
}

class BadQuestion extends Error {}

function said(response: ServerResponse, body: object, status = 200): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

async function asked<S extends z.ZodType>(request: IncomingMessage, schema: S): Promise<z.infer<S>> {
  let text = '';
  for await (const part of request.setEncoding('utf8')) {
    text += String(part);
    if (text.length > LONGEST) throw new BadQuestion('That is too long.');
  }
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    throw new BadQuestion('That is no question.');
  }
}
