import { keyOf, type Resource } from '#core/resource.ts';
import type { HaproxyFragment } from '#engines/haproxy/input.ts';
import { defineKind, type Objection } from '../define.ts';
import { assigned, checkKey, readChain } from './read.ts';
import { type SslCertificateAssigned, SslCertificateSpec } from './spec.ts';

export const sslCertificate = defineKind<SslCertificateSpec, SslCertificateAssigned>({
  kind: 'sslCertificate',
  plural: 'sslCertificates',
  title: 'SSL certificate',
  spec: SslCertificateSpec,
  assign: ({ spec }) => {
    const chain = readChain(spec.certificate);
    if (!Array.isArray(chain)) return chain as Objection;
    const [own] = chain;
    return assigned(own);
  },
  check: ({ spec }) => checkKey(spec),
  columns: [
    { title: 'NAMES', value: ({ assigned }) => assigned.subjectNames.join(',') },
    { title: 'EXPIRE_TIME', value: ({ assigned }) => assigned.expireTime.slice(0, 10) },
    { title: 'TYPE', value: ({ assigned }) => (assigned.selfSigned ? 'self-signed' : 'signed') },
  ],
  feeds: { haproxy: (resource) => [toCertificate(resource)] },
  example: {
    'my-cert': {
      certificate: [
        '-----BEGIN CERTIFICATE-----',
        'MIIBtDCCAVqgAwIBAgIUFq6aR9zM3k+2G196VF9uP4WSglswCgYIKoZIzj0EAwIw',
        'GjEYMBYGA1UEAwwPd3d3LmV4YW1wbGUuY29tMCAXDTI2MTEyNjE1MjMyMVoYDzIx',
        'MjYxMTAyMTUyMzIxWjAaMRgwFgYDVQQDDA93d3cuZXhhbXBsZS5jb20wWTATBgcq',
        'hkjOPQIBBggqhkjOPQMBBwNCAATCYFogxNzj6f8s5TS78FBni0Q7QOrNncJQzKzm',
        'WJO3DG/0VAAQ8t/IbH2bgbSHlB0wEo329oBhQ9phYdI09y0Fo3wwejAdBgNVHQ4E',
        'FgQURwAKXWxqbBSsiQWbg8vEdTyfiGAwHwYDVR0jBBgwFoAURwAKXWxqbBSsiQWb',
        'g8vEdTyfiGAwDwYDVR0TAQH/BAUwAwEB/zAaBgNVHREEEzARgg93d3cuZXhhbXBs',
        'ZS5jb20wCwYDVR0PBAQDAgeAMAoGCCqGSM49BAMCA0gAMEUCIQDT14DtFKm0tXej',
        'c+5kCLoDezFYXEwW1nY7RSwVNN60+AIgA/K3NkMUAnUlpDkVYfB+kwDaFxS4bXpS',
        'lowf2hcBZhU=',
        '-----END CERTIFICATE-----',
      ].join('\n'),
      // Of www.example.com, made for this page only.
      privateKey: [
        '-----BEGIN PRIVATE KEY-----',
        'MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgNXaAHdQmevTmYbWa',
        'APwsn5NWqDzPIlWD948IeiF0QMShRANCAATCYFogxNzj6f8s5TS78FBni0Q7QOrN',
        'ncJQzKzmWJO3DG/0VAAQ8t/IbH2bgbSHlB0wEo329oBhQ9phYdI09y0F',
        '-----END PRIVATE KEY-----',
      ].join('\n'),
    },
  },
});

const toCertificate = (resource: Resource<SslCertificateSpec, SslCertificateAssigned>): HaproxyFragment => ({
  project: resource.project,
  certificate: {
    id: keyOf(resource),
    name: resource.name,
    chain: resource.spec.certificate,
    key: resource.spec.privateKey,
    names: resource.assigned.subjectNames.filter((it) => /^(\*\.)?[a-z0-9_.-]+$/.test(it)),
    notBefore: Date.parse(resource.assigned.startTime),
    notAfter: Date.parse(resource.assigned.expireTime),
  },
});
