import { generateKeyPairSync, type JsonWebKey } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { Provider } from 'oidc-provider';
import type { TestMachine } from './machine.ts';

/** Somebody else's OpenID provider: a real one, that asks nobody anything and says what a test wants it to. */
export interface ForeignProvider {
  readonly issuer: string;
  /** What it says of whoever comes. */
  claims: Record<string, unknown>;
  /** Stands between it and whoever asks: may answer instead, or change what leads back. */
  twist:
    | ((url: URL) => { readonly location?: string; readonly status?: number; readonly body?: string } | undefined)
    | undefined;
  /** Asked so far, by path. */
  readonly asked: string[];
  rotateKeys(): void;
  /** Signs somebody out there, and tells those who are to know. */
  logoutToken(claims: Record<string, unknown>): Promise<string>;
  stop(): Promise<void>;
  start(): Promise<void>;
}

const newKey = (): JsonWebKey & { kid: string; use: string; alg: string } => ({
  ...generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' }),
  kid: Math.random().toString(36).slice(2),
  use: 'sig',
  alg: 'ES256',
});

export async function foreignProvider(
  machine: Pick<TestMachine, 'authority'>,
  redirectUris: readonly string[],
): Promise<ForeignProvider> {
  const { certificate, privateKey } = await machine.authority.issue({
    id: 'foreign-idp',
    names: ['localhost'],
    addresses: [],
  });
  const server: Server = createServer({ cert: certificate, key: privateKey });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const issuer = `https://localhost:${port}`;
  let key = newKey();
  let provider = open();

  function open(): Provider {
    const made = new Provider(issuer, {
      clients: [
        {
          client_id: 'vauban',
          client_secret: 'a secret between the two of us',
          redirect_uris: [...redirectUris],
          id_token_signed_response_alg: 'ES256',
        },
        {
          client_id: 'command-line',
          client_secret: 'what the file says',
          // What clients do by default where nobody says otherwise (OpenID Connect Core, 9).
          token_endpoint_auth_method: 'client_secret_basic',
          application_type: 'native',
          redirect_uris: ['http://127.0.0.1/callback'],
          grant_types: ['authorization_code', 'refresh_token'],
          id_token_signed_response_alg: 'ES256',
        },
      ],
      clientAuthMethods: ['client_secret_basic', 'none'],
      jwks: { keys: [key] },
      cookies: { keys: ['cookie key'] },
      responseTypes: ['code'],
      claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name', 'groups'] },
      conformIdTokenClaims: false,
      features: { devInteractions: { enabled: false }, revocation: { enabled: true } },
      enabledJWA: { idTokenSigningAlgValues: ['ES256'] },
      interactions: { url: (_, { uid }) => `/interaction/${uid}` },
      findAccount: (_, id) => ({ accountId: id, claims: () => ({ ...it.claims, sub: String(it.claims['sub']) }) }),
      loadExistingGrant: async (ctx) => {
        const grant = new made.Grant({
          accountId: String(it.claims['sub']),
          clientId: ctx.oidc.client?.clientId ?? '',
        });
        grant.addOIDCScope('openid email profile offline_access');
        await grant.save();
        ctx.oidc.entity('Grant', grant);
        return grant;
      },
    });
    return made;
  }

  server.on('request', (request, response) => {
    const url = new URL(request.url ?? '/', issuer);
    it.asked.push(url.pathname);
    const twisted = it.twist?.(url);
    if (twisted !== undefined) {
      const { location, status = 302, body = '' } = twisted;
      response.writeHead(status, location === undefined ? {} : { location }).end(body);
      return;
    }
    if (url.pathname.startsWith('/interaction/')) {
      void provider.interactionFinished(request, response, {
        login: { accountId: String(it.claims['sub']) },
        consent: {},
      });
      return;
    }
    void provider.callback()(request, response);
  });

  const it: ForeignProvider = {
    issuer,
    claims: { sub: 'zoe-1', email: 'zoe@partner.example', email_verified: true, name: 'Zoe' },
    twist: undefined,
    asked: [],
    rotateKeys() {
      key = newKey();
      provider = open();
    },
    async logoutToken(claims) {
      const { importJWK, SignJWT } = await import('jose');
      return new SignJWT({ events: { 'http://schemas.openid.net/event/backchannel-logout': {} }, ...claims })
        .setProtectedHeader({ alg: 'ES256', kid: key.kid, typ: 'logout+jwt' })
        .setIssuer(issuer)
        .setAudience('vauban')
        .setIssuedAt()
        .setJti(Math.random().toString(36))
        .setExpirationTime('2m')
        .sign(await importJWK({ ...key } as Parameters<typeof importJWK>[0], 'ES256'));
    },
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
    async start() {
      server.listen(port, '127.0.0.1');
      await once(server, 'listening');
    },
  };
  return it;
}
