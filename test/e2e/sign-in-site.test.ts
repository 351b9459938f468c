import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { readdirSync, renameSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { block, documentedCertificate } from '../certificates.ts';
import { curlSignIn } from '../curl-sign-in.ts';
import { eventually, startDeployment, type TestDeployment } from '../deployment.ts';
import { answers, type Tries, triesOf } from '../fabric-lab.ts';

interface Service {
  readonly status: { readonly values: Readonly<Record<string, number>> };
}

let lab: TestDeployment;
let tries: Tries;

const own = documentedCertificate();
const FRONT = '203.0.113.60';

/** A protected application with people of its own, as a person would declare it. */
const site = ({ alice = '' } = {}) => `
project: shop
networks:
  web: { defaultInternetRoute: false }
subnets:
  web-east: { network: web, region: us-east1, range: 10.9.0.0/24 }
addresses:
  static-ip: { address: ${FRONT} }
firewallRules:
  allow-front-ends: { network: web, rules: ["tcp:80"], sourceRanges: [130.211.0.0/22, 35.191.0.0/16] }
instances:
  web-1:
    zone: us-east1-b
    interfaces: [{ subnet: web-east, address: 10.9.0.10 }]
    startupScript: |${answers(80)}
  outside: { zone: us-east1-b, interfaces: [{ network: internet, address: 198.51.100.9 }] }
sslCertificates:
  my-cert:
    certificate: ${block(own.certificate, 6)}
    privateKey: ${block(own.privateKey, 6)}
healthChecks:
  my-health-check: { type: tcp, checkIntervalSec: 1, timeoutSec: 1 }
networkEndpointGroups:
  web: { endpoints: [{ instance: web-1 }] }
backendServices:
  my-backend-service: { backends: [{ networkEndpointGroup: web }], healthChecks: [my-health-check], iap: { enabled: true } }
urlMaps:
  my-load-balancer: { defaultService: my-backend-service }
targetHttpsProxies:
  site: { urlMap: my-load-balancer, sslCertificates: [my-cert] }
forwardingRules:
  site: { targetHttpsProxy: site, address: static-ip }
directories:
  people: {}
users:
  alice: { email: alice@example.com, displayName: Alice Martin, password: a first password of hers${alice} }
  bob: { email: bob@example.com, displayName: Bob, password: a first password of his }
groups:
  buyers: { email: buyers@example.com, members: [alice] }
identityProviders:
  accounts: {}
consentScreen: { applicationTitle: Shop, supportEmail: support@example.com }
roleBindings:
  buyers: { role: roles/iap.httpsResourceAccessor, members: ["group:buyers@example.com"], backendService: my-backend-service }
`;

beforeAll(async () => {
  lab = await startDeployment();
  tries = triesOf(lab);
  await lab.apply(site());
  await tries.listening('shop/web-1');
  // Until it has passed its health check, nobody is sent there.
  await eventually(
    () => lab.client.get<Service>('/v1/projects/shop/backendServices/my-backend-service'),
    ({ status }) => status.values['healthy'] === 1,
  );
}, 600_000);

afterAll(async () => {
  await lab?.remove();
  expect(lab?.leftovers()).toEqual([]);
}, 120_000);

const outside = (script: string) => tries.sh('shop/outside', script);

const signIn = (jar: string, email: string, password: string) =>
  outside(curlSignIn({ application: `https://${FRONT}/`, accounts: 'accounts.shop.internet', jar, email, password }));

test('the sign-in pages have a name on the internet, and a certificate that hosts trust', async () => {
  const found = await outside('curl -sS -m 10 https://accounts.shop.internet/.well-known/openid-configuration');
  expect(JSON.parse(found)).toMatchObject({
    issuer: 'https://accounts.shop.internet',
    code_challenge_methods_supported: ['S256'],
    response_types_supported: ['code'],
    authorization_response_iss_parameter_supported: true,
  });
});

test('a certificate of the deployment’s authority is renewed by itself before it ends, without a revision', async () => {
  const at = `${lab.deployment.hostState}/authority`;
  const [issued] = readdirSync(`${at}/issued`).filter((it) => it.endsWith('.crt') && it.includes('accounts'));
  const place = `${at}/issued/${issued}`;
  const shown = async () =>
    new X509Certificate(
      await outside(`echo | openssl s_client -connect accounts.shop.internet:443 2>/dev/null | openssl x509`),
    );
  const before = await shown();
  const process = () =>
    execFileSync('s6-svstat', ['-o', 'pid', `${lab.deployment.scan}/proxy.shop`], { encoding: 'utf8' });
  const revisions = async () => (await lab.client.get<{ revisions: object[] }>('/v1/revisions')).revisions.length;
  const former = [process(), await revisions()];
  // As it will be a year from now: the same names, and thirty days to go.
  const key = place.replace(/crt$/, 'key');
  const request = ['x509', '-x509toreq', '-in', place, '-key', key, '-copy_extensions', 'copy', '-out', `${place}.csr`];
  const sign = ['x509', '-req', '-in', `${place}.csr`, '-CA', `${at}/authority.crt`, '-CAkey', `${at}/authority.key`];
  execFileSync('openssl', request, { stdio: 'ignore' });
  const short = ['-days', '30', '-copy_extensions', 'copy', '-out', `${place}.short`];
  execFileSync('openssl', [...sign, ...short], { stdio: 'ignore' });
  renameSync(`${place}.short`, place);
  const after = await eventually(shown, (it) => it.fingerprint256 !== before.fingerprint256, 90);
  expect(Date.parse(after.validTo) - Date.now()).toBeGreaterThan(300 * 86_400_000);
  expect(after.checkHost('accounts.shop.internet')).toBeDefined();
  expect([process(), await revisions()]).toEqual(former);
  // Who trusted the one before trusts this one.
  expect(await outside('curl -sS -m 10 -o /dev/null -w %{http_code} https://accounts.shop.internet/jwks')).toBe('200');
}, 180_000);

test('as the document has it: the address answers HTTP/2 302 to the sign-in', async () => {
  const answer = await outside(`curl -kvi -m 10 https://${FRONT}/ 2>&1`);
  expect(answer).toMatch(/HTTP\/2 302[\s\S]*location: \/_gcp_iap\/sign-in/);
});

test('who is in the group signs in and reaches the application; who is not, is told so', async () => {
  expect(await signIn('/tmp/alice', 'alice@example.com', 'a first password of hers')).toMatch(
    new RegExp(`^https://${FRONT}/\\n130.211.0.1 web-1`),
  );
  const refused = await signIn('/tmp/bob', 'bob@example.com', 'a first password of his');
  expect(refused).toContain('No role binding names you');
  expect(refused).toContain('bob@example.com');
});

test('a user who is disabled is out within moments, with the session that they had', async () => {
  const visit = () => outside(`curl -sk -m 10 -b /tmp/alice -o /dev/null -w '%{http_code}' https://${FRONT}/`);
  expect(await visit()).toBe('200');
  await lab.apply(site({ alice: ', disabled: true' }));
  await eventually(visit, (code) => code === '302');
  expect(await signIn('/tmp/again', 'alice@example.com', 'a first password of hers')).toContain('do not go together');
});

test('what was declared is shown, and no password is', async () => {
  const users = (await lab.vauban('get', '--project', 'shop', 'users')).stdout;
  expect(users).toMatch(/alice\s+alice@example.com\s+Alice Martin\s+yes/);
  const whole = (await lab.vauban('get', '--project', 'shop', 'users', 'bob', '-o', 'yaml')).stdout;
  expect(whole).not.toContain('a first password');
  expect((await lab.vauban('get', '--project', 'shop', 'directories')).stdout).toMatch(
    /people\s+internal\s+dc=shop,dc=internal/,
  );
});
