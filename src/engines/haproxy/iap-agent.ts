import type { HaproxyPaths } from './paths.ts';

/** The engine of HAProxy that asks the edge service: what it says, and how long it waits. */

export const spoePath = ({ folder }: Pick<HaproxyPaths, 'folder'>): string => `${folder}/iap.spoe`;

/** Name of an argument to what HAProxy puts there; `edge/decision/question.ts` reads them. */
const args: Readonly<Record<string, string>> = {
  credential: 'var(txn.iap_key)',
  proxyToken: 'var(txn.iap_proxy_token)',
  token: 'var(txn.iap_token)',
  service: 'var(txn.backend)',
  epoch: 'var(txn.iap)',
  extra: 'var(txn.iap_extra)',
  host: 'var(txn.host)',
  url: 'pathq',
  method: 'method',
  source: 'src',
  sourcePort: 'src_port',
  requestId: 'unique-id',
  lasting: 'var(txn.iap_lasting)',
};

/** Variables that only the agent sets and no rule names. */
const others = ['error'];

/** Where clients are asked for certificates: what the device has shown, and what the engine found wrong with it. */
const shown: Readonly<Record<string, string>> = { certificate: 'ssl_c_der', verified: 'ssl_c_verify' };

export const renderAgent = (backend: string, asksClients: boolean): string => `[iap]
spoe-agent iap
  groups decide
  option var-prefix iap
  option set-on-error error
  register-var-names ${others.join(' ')}
  no option async
  max-waiting-frames 100
  timeout hello 2s
  timeout idle 5m
  timeout processing 3s
  use-backend ${backend}

spoe-group decide
  messages decide

spoe-message decide
  args ${Object.entries({ ...args, ...(asksClients ? shown : {}) })
    .map(([name, sample]) => `${name}=${sample}`)
    .join(' ')}
`;
