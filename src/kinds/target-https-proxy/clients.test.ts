import { expect, test } from 'vitest';
import { emptySnapshot } from '#core/snapshot.ts';
import type { EdgeInput } from '#engines/edge/input.ts';
import type { HaproxyInput } from '#engines/haproxy/input.ts';
import { admit } from '#plan/admit.ts';
import { compile } from '#plan/compile.ts';
import { resourceChanges } from '#plan/difference.ts';
import { parseSite } from '#plan/site.ts';

const site = (mtlsPolicy?: object) => ({
  project: 'lab',
  certificateAuthorities: { devices: {} },
  backendServices: { web: { iap: {} } },
  urlMaps: { site: { defaultService: 'web' } },
  sslCertificates: { front: { authority: 'devices', names: ['app.example.com'] } },
  targetHttpsProxies: { site: { urlMap: 'site', sslCertificates: ['front'], ...(mtlsPolicy ? { mtlsPolicy } : {}) } },
  forwardingRules: { site: { targetHttpsProxy: 'site' } },
  roleBindings: { staff: { role: 'roles/iap.httpsResourceAccessor', members: ['user:a@example.com'] } },
});
const policy = (clientValidationMode: string) => ({
  clientValidationMode,
  clientValidationAuthorities: ['devices'],
});

function admitted(it: object) {
  const { declared, ...unread } = parseSite([{ path: 's', text: JSON.stringify(it) }]);
  const { snapshot, problems } = admit(declared, emptySnapshot, unread);
  expect(problems).toEqual([]);
  return snapshot;
}

function compiled(it: object) {
  const all = compile(admitted(it));
  const proxy = all.find((one) => one.engine === 'haproxy');
  const edge = all.find((one) => one.engine === 'edge');
  return { proxy: proxy?.input as HaproxyInput, needs: proxy?.needs ?? [], edge: edge?.input as EdgeInput };
}

test('its front ends ask clients for certificates of the authorities, which stand before and are known to who decides', () => {
  const { proxy, needs, edge } = compiled(site(policy('REJECT_INVALID')));
  const clients = { mode: 'REJECT_INVALID', authorities: ['lab.devices'], listed: true };
  expect(proxy.frontends.map((it) => it.tls?.clients)).toEqual([clients]);
  expect(needs).toContain('pki/lab.devices');
  expect(edge.deviceAuthorities).toEqual([{ name: 'devices', id: 'lab.devices', listed: true }]);
});

test('without a policy nobody is asked', () => {
  const { proxy, edge } = compiled(site());
  expect(proxy.frontends.map((it) => it.tls?.clients)).toEqual([undefined]);
  expect(edge.deviceAuthorities).toEqual([]);
});

test('a plan says who will be asked, and who will no longer come in', () => {
  const allow = policy('ALLOW_INVALID_OR_MISSING_CLIENT_CERT');
  const meaning = (before: object, after: object) =>
    resourceChanges(admitted(before), admitted(after)).flatMap((it) => it.meaning);
  expect(meaning(site(), site(allow))).toEqual(['asks clients for a certificate of devices']);
  expect(meaning(site(allow), site(policy('REJECT_INVALID')))).toEqual([
    'lets in only clients with a certificate of devices',
  ]);
  expect(meaning(site(allow), site())).toEqual(['asks clients for no certificate any more']);
});
