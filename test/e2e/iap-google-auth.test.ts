import { existsSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { block, documentedCertificate } from '../certificates.ts';
import { curlSignIn } from '../curl-sign-in.ts';
import { eventually, startDeployment, type TestDeployment } from '../deployment.ts';
import { type Tries, triesOf } from '../fabric-lab.ts';

/**
 * An application that knows nothing of us: Google's own library (google-auth, as Debian 13 has it) verifies the signed
 * identity, with the keys that it fetches at the address that Google's documents name. The document's own sample can be
 * put in its place: VAUBAN_IAP_SAMPLE names a checkout of the folder `iap` of GoogleCloudPlatform/python-docs-samples.
 */

let lab: TestDeployment;
let tries: Tries;

const FRONT = '203.0.113.61';
const own = documentedCertificate();
const person = { email: 'student@example.com', password: 'a first password' };

const application = `
import platform
import flask
from google.auth.transport import requests
from google.oauth2 import id_token

app = flask.Flask(__name__)
audience = "/projects/YOUR_PROJECT_ID/global/backendServices/YOUR_BACKEND_SERVICE_ID"


@app.route("/")
def hello():
    assertion = flask.request.headers.get("x-goog-iap-jwt-assertion")
    if assertion is None:
        return "Nobody is signed in."
    try:
        claims = id_token.verify_token(
            assertion,
            requests.Request(),
            audience=audience,
            certs_url="https://www.gstatic.com/iap/verify/public_key",
        )
    except Exception as error:
        return f"Not believed: {error}"
    return f"Hi, {claims['email']}. I am {platform.node()}."
`;

const sample = process.env['VAUBAN_IAP_SAMPLE'];
const files: Readonly<Record<string, string>> =
  sample === undefined
    ? { example_gce_backend: application }
    : Object.fromEntries(
        ['example_gce_backend', 'validate_jwt']
          .filter((name) => existsSync(`${sample}/${name}.py`))
          .map((name) => [name, readFileSync(`${sample}/${name}.py`, 'utf8')]),
      );

/** As the document's startup script does it, but that packages, files and the two numbers come from where a lab has them. */
const startup = `#!/bin/bash
set -eu
metadata() { curl -sSf --retry 5 -H 'Metadata-Flavor: Google' "http://metadata.google.internal/computeMetadata/v1/$1"; }
mkdir -p /opt/sample
cd /opt/sample
for name in ${Object.keys(files).join(' ')}; do metadata "instance/attributes/$name" >"$name.py"; done
cat example_gce_backend.py \\
  | sed -e "s/YOUR_BACKEND_SERVICE_ID/$(metadata instance/attributes/backend-service-my-backend-service)/g" \\
  | sed -e "s/YOUR_PROJECT_ID/$(metadata project/numeric-project-id)/g" > real_backend.py
exec gunicorn real_backend:app -b 0.0.0.0:80
`;

const site = `
project: sample
networks: { default: { defaultInternetRoute: false } }
subnets: { inside: { network: default, region: us-central1, range: 10.128.0.0/20 } }
addresses: { lb-address: { address: ${FRONT} } }
firewallRules:
  allow-iap-traffic: { network: default, rules: ["tcp:80"], sourceRanges: [130.211.0.0/22, 35.191.0.0/16] }
images:
  google-auth: { base: debian-13, packages: [gunicorn, python3-flask, python3-google-auth, python3-requests] }
instances:
  laptop: { zone: us-central1-f, interfaces: [{ network: internet }] }
  backend:
    zone: us-central1-a
    image: google-auth
    interfaces: [{ network: default }]
    metadata:
${Object.entries(files)
  .map(([name, text]) => `      ${name}: ${block(text, 8)}`)
  .join('\n')}
    startupScript: ${block(startup, 6)}
sslCertificates:
  my-cert: { certificate: ${JSON.stringify(own.certificate)}, privateKey: ${JSON.stringify(own.privateKey)} }
healthChecks: { my-health-check: { type: http, requestPath: / } }
networkEndpointGroups: { my-hosts: { endpoints: [{ instance: backend, port: 80 }] } }
backendServices:
  my-backend-service: { backends: [{ networkEndpointGroup: my-hosts }], healthChecks: [my-health-check], iap: {} }
urlMaps: { my-load-balancer: { defaultService: my-backend-service } }
targetHttpsProxies: { my-proxy: { urlMap: my-load-balancer, sslCertificates: [my-cert] } }
forwardingRules: { my-frontend: { targetHttpsProxy: my-proxy, address: lb-address } }
directories: { people: {} }
users: { student: { email: ${person.email}, displayName: Sam Student, password: ${person.password} } }
identityProviders: { accounts: {} }
consentScreen: { applicationTitle: IAP, supportEmail: ${person.email} }
roleBindings:
  web-users:
    role: roles/iap.httpsResourceAccessor
    members: ["user:${person.email}"]
    backendService: my-backend-service
`;

beforeAll(async () => {
  lab = await startDeployment();
  tries = triesOf(lab);
  await lab.apply(site);
  await eventually(
    () =>
      lab.client.get<{ status: { values: Record<string, number> } }>(
        '/v1/projects/sample/backendServices/my-backend-service',
      ),
    ({ status }) => status.values['healthy'] === 1,
    180,
  );
}, 900_000);

afterAll(async () => {
  await lab?.remove();
  expect(lab?.leftovers()).toEqual([]);
}, 120_000);

test('Google’s own library believes the signed identity, and the application greets who has signed in', async () => {
  const way = { application: `https://${FRONT}/`, accounts: 'accounts.sample.internet', jar: '/tmp/jar', ...person };
  expect(await tries.sh('sample/laptop', curlSignIn(way))).toContain(`Hi, ${person.email}. I am backend.`);
});

test('it believes nobody else: an assertion for another service, from another issuer’s key, or one that is over', async () => {
  const outcome = (type: string) =>
    tries.sh(
      'sample/laptop',
      `curl -sk -m 10 -b /tmp/jar 'https://${FRONT}/?gcp-iap-mode=SECURE_TOKEN_TEST&iap-secure-token-test-type=${type}'`,
    );
  for (const type of ['SIGNATURE', 'PAST_EXPIRATION', 'FUTURE_ISSUE', 'AUDIENCE', 'NOT_SET'])
    expect(await outcome(type), type).not.toContain('Hi, ');
});

test('a host of Debian 13 is one like any other', async () => {
  const told = await tries.sh(
    'sample/backend',
    '. /etc/os-release; echo $VERSION_CODENAME; systemctl is-system-running; journalctl -n 1 >/dev/null && echo journal',
  );
  expect(told.split('\n')).toEqual(['trixie', expect.any(String), 'journal']);
});
