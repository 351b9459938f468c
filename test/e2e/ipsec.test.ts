import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { strongswanEngine } from '#engines/strongswan/driver.ts';
import type { StrongswanInput } from '#engines/strongswan/input.ts';
import { charonService } from '#engines/strongswan/services.ts';
import { selfSigned } from '../certificates.ts';
import { eventually } from '../deployment.ts';
import { declaredTunnel } from '../ipsec-export.ts';
import {
  addressOf,
  hostOf,
  IpsecLab,
  inputOf,
  KEY,
  networkOf,
  otherSide,
  type Side,
  sides,
  strong,
} from '../ipsec-lab.ts';

let lab: IpsecLab;

beforeAll(async () => {
  lab = await IpsecLab.start();
}, 60_000);

afterAll(() => lab?.stop(), 60_000);

const both = async (): Promise<void> => {
  await lab.hold('there', inputOf('there'));
  await lab.hold('here', inputOf('here'));
  await lab.up('here');
  await lab.up('there');
};

const pidOf = async (side: Side): Promise<number> =>
  (await lab.machine.supervisor.status(charonService(side)))?.pid ?? 0;

describe('two gateways of ours', () => {
  beforeAll(both, 60_000);

  test('have a tunnel by the same key, and hosts behind both reach each other through it', async () => {
    const tunnel = await lab.tunnel('here');
    expect(tunnel).toMatchObject({
      address: addressOf.there,
      identity: addressOf.there,
      initiator: true,
      failure: null,
    });
    expect(tunnel.agreement).toBe('AES_GCM_16_256/PRF_HMAC_SHA2_384/ECP_384');
    expect(await lab.pings('here')).toBe(3);
    expect(await lab.pings('there')).toBe(3);
    const after = await lab.tunnel('here');
    expect(after.packetsIn).toBeGreaterThan(0);
    expect(after.packetsOut).toBeGreaterThan(0);
    expect(await lab.events('here')).toContainEqual(expect.objectContaining({ event: 'up', address: addressOf.there }));
  });

  test('a change of one tunnel, and a second one to the same peer, leave the first as it is', async () => {
    const before = await lab.tunnel('here');
    const pids = [await pidOf('here'), await pidOf('there')];
    const more = (side: Side, remote: string) => {
      const input = inputOf(side);
      const [connection] = input.connections;
      const [first] = connection?.tunnels ?? [];
      if (connection === undefined || first === undefined) throw new Error('no tunnel');
      const pair = side === 'here' ? { local: networkOf.here, remote } : { local: remote, remote: networkOf.here };
      const second = { ...first, key: 'lab/ipsecTunnel/more', name: 'more', pairs: [{ name: 'more.1', ...pair }] };
      return { ...input, connections: [{ ...connection, tunnels: [first, second] }] };
    };
    for (const remote of ['10.2.0.0/25', '10.2.0.0/26']) {
      await lab.hold('there', more('there', remote));
      await lab.hold('here', more('here', remote));
      expect((await lab.up('here', 'more')).pairs[0]?.remote).toBe(remote);
    }
    for (const side of sides) await lab.hold(side, inputOf(side));
    await eventually(
      () => lab.status('here'),
      (it) => it.tunnels.length === 1,
    );
    expect(await lab.tunnel('here')).toMatchObject({ state: 'up', since: before.since });
    expect([await pidOf('here'), await pidOf('there')]).toEqual(pids);
  });

  test('keys are made anew under traffic without a loss', async () => {
    await lab.hold('here', inputOf('here', { tunnel: { rekeySeconds: 6 } }));
    await lab.up('here');
    // Its first packets tell both sides that it is there.
    await eventually(
      () => lab.pings('here', 1),
      (it) => it === 1,
    );
    const answered = await lab.pings('here', 400, 20);
    expect(answered).toBe(400);
    expect((await lab.tunnel('here')).rekeys).toBeGreaterThan(0);
    await lab.hold('here', inputOf('here'));
    await lab.up('here');
  }, 60_000);

  test('nothing that is meant for it leaves in the clear when charon is killed, and the tunnel is back by itself', async () => {
    const seen: string[] = [];
    const space = lab.machine.namespace('middle');
    const filter = `icmp and host ${hostOf.here}`;
    const sniffer = spawn('nsenter', [`--net=/run/netns/${space}`, 'tcpdump', '-nli', 'here', ...filter.split(' ')]);
    sniffer.stdout.setEncoding('utf8').on('data', (text: string) => seen.push(text));
    await new Promise((done) => sniffer.stderr.once('data', done));
    const pid = await pidOf('here');
    process.kill(pid, 'SIGKILL');
    await lab.pings('here', 10, 20);
    await eventually(
      () => pidOf('here'),
      (it) => it !== 0 && it !== pid,
    );
    await lab.up('here');
    expect(await lab.pings('here')).toBe(3);
    sniffer.kill('SIGKILL');
    expect(seen.join('')).toBe('');
  }, 60_000);

  test('a flood of strangers who want to begin costs no packet of it, and charon no memory to speak of', async () => {
    const memory = async (): Promise<number> => {
      const text = await readFile(`/proc/${await pidOf('here')}/status`, 'utf8');
      return Number(/VmRSS:\s+(\d+)/.exec(text)?.[1] ?? 0);
    };
    const before = await memory();
    // First messages of IKEv2, each from another port under another number: a header that promises a payload, and noise.
    const flood = `
import os, socket
for n in range(5000):
  if n % 100 == 0:
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
  body = os.urandom(200)
  s.sendto(os.urandom(8) + bytes(8) + bytes([33, 0x20, 34, 8]) + bytes(4) + (228).to_bytes(4, 'big') + body, ('${addressOf.here}', 500))
`;
    const [answered] = await Promise.all([
      lab.pings('here', 50, 20),
      lab.machine.exec(['python3', '-c', flood], { namespace: 'middle' }),
    ]);
    expect(answered).toBe(50);
    expect((await lab.tunnel('here')).state).toBe('up');
    expect(await memory()).toBeLessThan(before + 20_000);
  }, 60_000);

  test('one that a person took down stays down over a new charon, until it is taken up', async () => {
    await strongswanEngine.steer?.(lab.machine, lab.held('here'), { part: 'lab/ipsecTunnel/to-there', state: 'down' });
    expect((await lab.tunnel('here')).state).toBe('stopped');
    process.kill(await pidOf('here'), 'SIGKILL');
    await eventually(
      () => lab.status('here'),
      (it) => it.running,
    );
    expect((await lab.tunnel('here')).state).toBe('stopped');
    expect(await lab.pings('here', 2)).toBe(0);
    await strongswanEngine.steer?.(lab.machine, lab.held('here'), { part: 'lab/ipsecTunnel/to-there', state: 'up' });
    await lab.up('here');
    expect(await lab.pings('here')).toBe(3);
  }, 60_000);

  test('removed, they leave nothing', async () => {
    for (const side of sides) await lab.drop(side);
    for (const side of sides) {
      expect(await lab.sh(side, 'ip -o link')).not.toContain('ipsec0');
      expect(await lab.sh(side, 'ip rule')).not.toContain('220');
      expect((await lab.machine.exec(['ip', 'route', 'show', 'table', '220'], { namespace: side })).stdout).toBe('');
      expect(await lab.machine.supervisor.status(charonService(side))).toBeUndefined();
    }
  });
});

/** What a person writes at the other end, in strongSwan's own words. */
const stock = (change: Readonly<Record<string, string>> = {}): string => {
  const it = {
    ...{ id: addressOf.there, remoteId: addressOf.here, secret: KEY, start: 'none' },
    ...{ local: networkOf.there, remote: networkOf.here, ike: strong.ike, esp: strong.esp, ...change },
  };
  return `connections {
  here {
    version = 2
    remote_addrs = ${addressOf.here}
    proposals = ${it.ike}
    unique = replace
    mobike = no
    encap = yes
    local {
      auth = psk
      id = ${it.id}
    }
    remote {
      auth = psk
      id = ${it.remoteId}
    }
    children {
      net {
        local_ts = ${it.local}
        remote_ts = ${it.remote}
        esp_proposals = ${it.esp}
        start_action = ${it.start}
      }
    }
  }
}
secrets {
  ike-here {
    secret = "${it.secret}"
  }
}
`;
};

describe('the reason of a failure is told on the side that can know it', () => {
  afterEach(() => lab.endStock());
  afterAll(() => lab.drop('here'));

  /** We begin, so the peer decides. */
  const asked = async (change: Readonly<Record<string, string>>) => {
    await lab.drop('here');
    await lab.stock(stock(change));
    await lab.hold('here', inputOf('here'));
    return lab.failing('here');
  };
  /** The peer begins, so we decide. */
  const deciding = async (change: Readonly<Record<string, string>>) => {
    await lab.drop('here');
    await lab.hold('here', inputOf('here', { tunnel: { start: 'respond' } }));
    await lab.stock(stock({ ...change, start: 'start' }));
    return lab.failing('here');
  };

  test.each([
    ['another key', { secret: 'quite another key of some length' }, 'refused-by-peer', /ask who runs it/],
    ['another identity', { remoteId: 'elsewhere.example.com' }, 'refused-by-peer', /ask who runs it/],
    ['other algorithms for keys', { ike: 'aes128-sha256-modp2048' }, 'proposals-refused-by-peer', /one offer/],
    ['other algorithms for packets', { esp: 'aes128-sha256' }, 'proposals-refused-by-peer', /one offer/],
    ['other networks', { local: '10.9.0.0/24' }, 'networks-refused-by-peer', /same on both sides/],
  ] as const)(
    '%s at the peer, which knows the reason: ask it',
    async (_, change, code, fix) => {
      const failure = await asked(change);
      expect(failure).toMatchObject({ code, fix: expect.stringMatching(fix) });
      expect(failure.fix).toContain('Only the peer knows why');
    },
    60_000,
  );

  test.each([
    ['another key', { secret: 'quite another key of some length' }, 'wrong-key', /key of the peer is not ours/],
    [
      'another identity',
      { id: 'other.example.com' },
      'unknown-identity',
      /calls itself other\.example\.com and us 198\.51\.100\.1/,
    ],
    [
      'other algorithms for keys',
      { ike: 'aes128-sha256-modp2048' },
      'proposals',
      /peer offers AES_CBC_128.*we take AES_GCM_16_256/,
    ],
    ['other algorithms for packets', { esp: 'aes128-sha256' }, 'proposals', /packets.*AES_CBC_128.*AES_GCM_16_256/],
    ['other networks', { local: '10.9.0.0/24' }, 'networks', /10\.9\.0\.0\/24/],
  ] as const)(
    '%s of the peer, which begins: we know the reason, and say it',
    async (_, change, code, message) => {
      expect(await deciding(change)).toMatchObject({ code, message: expect.stringMatching(message) });
      const told = await eventually(
        () => lab.events('here'),
        (it) => it.some((one) => one['event'] === 'failure' && one['code'] === code),
      );
      expect(told.filter((it) => it['code'] === code)).toHaveLength(1);
    },
    60_000,
  );

  test('a peer that does not answer is told as silent, and is reached as soon as it does', async () => {
    await lab.drop('here');
    await lab.hold('here', inputOf('here'));
    expect(await lab.failing('here')).toMatchObject({
      code: 'silent',
      message: expect.stringContaining(addressOf.there),
    });
    await lab.stock(stock());
    expect((await lab.up('here')).failure).toBeNull();
  }, 60_000);

  test('a peer that dies without a word is noticed, and the tunnel is back after it', async () => {
    await lab.drop('here');
    await lab.stock(stock());
    await lab.hold('here', inputOf('here'));
    await lab.up('here');
    await lab.endStock();
    await eventually(
      () => lab.tunnel('here'),
      (it) => it.state !== 'up',
      60,
    );
    await lab.stock(stock());
    await lab.up('here');
    expect(await lab.pings('here')).toBe(3);
    const events = (await lab.events('here')).map((it) => it['event']);
    expect(events.filter((it) => it === 'up' || it === 'down')).toEqual(['up', 'down', 'up']);
  }, 120_000);
});

describe('certificates instead of a key', () => {
  const certified = (): StrongswanInput => {
    const input = inputOf('here', { connection: { remoteIdentity: 'there.example.com' } });
    const [{ preSharedKey: _, localIdentity: __, ...connection } = never()] = input.connections;
    const certificate = { authority: 'lab.vpn', id: 'certificate.here', trusted: 'lab.vpn' };
    return { ...input, connections: [{ ...connection, certificate, localIdentity: 'here.example.com' }] };
  };
  /** The peer has a certificate of its own, and trusts the authority. */
  const peer = (name: string): string => `connections {
  here {
    version = 2
    remote_addrs = ${addressOf.here}
    proposals = ${strong.ike}
    mobike = no
    encap = yes
    local {
      auth = pubkey
      certs = own.pem
      id = ${name}.example.com
    }
    remote {
      auth = pubkey
      cacerts = authority.pem
      id = here.example.com
    }
    children {
      net {
        local_ts = ${networkOf.there}
        remote_ts = ${networkOf.here}
        esp_proposals = ${strong.esp}
        start_action = none
      }
    }
  }
}
`;
  const begin = async (): Promise<void> => {
    await lab.drop('here');
    await lab.hold('here', certified());
  };

  afterAll(async () => {
    await lab.endStock();
    await lab.drop('here');
  });

  test('join both ends, and one that is revoked is out at once, without a change of anything else', async () => {
    const paths = await lab.certify();
    await lab.stock(peer('there'), { authority: paths.certificate, own: paths.issued('certificate.there') });
    await begin();
    await lab.up('here');
    expect(await lab.pings('here')).toBe(3);
    const due = () => strongswanEngine.due?.(lab.machine, lab.held('here'));
    expect(await due()).toBeUndefined();
    await lab.certify({ revoked: 'keyCompromise' });
    expect(await due()).toContain('certificates');
    await lab.hold('here', certified());
    expect(await lab.failing('here')).toMatchObject({ code: 'certificate-revoked' });
    expect(await lab.pings('here', 2)).toBe(0);
  }, 90_000);

  test('that is over does not pass, and both dates are told', async () => {
    const paths = await lab.certify();
    const openssl = async (...argv: string[]): Promise<void> => {
      const { code, stderr } = await lab.machine.exec(['openssl', ...argv]);
      if (code !== 0) throw new Error(stderr);
    };
    const place = (it: string): string => `${paths.folder}/over.${it}`;
    await openssl('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', place('key'));
    const asked = [
      '-new',
      '-key',
      place('key'),
      '-subj',
      '/CN=there',
      '-addext',
      'subjectAltName=DNS:there.example.com',
    ];
    await openssl('req', ...asked, '-out', place('csr'));
    const signing = ['-CA', paths.certificate, '-CAkey', paths.key, '-CAcreateserial', '-copy_extensions', 'copy'];
    await openssl('x509', '-req', '-in', place('csr'), ...signing, '-days', '-1', '-out', place('crt'));
    const own = { certificate: place('crt'), key: place('key') };
    await lab.stock(peer('there'), { authority: paths.certificate, own });
    await begin();
    expect(await lab.failing('here')).toMatchObject({
      code: 'certificate-expired',
      message: expect.stringMatching(/is good from .*20\d\d to .*20\d\d, and not now/),
    });
  }, 90_000);

  test('pass by no list of what is revoked that is too old', async () => {
    const paths = await lab.certify();
    const config = `${paths.folder}/stale.conf`;
    const index = `${paths.folder}/stale.index`;
    await lab.machine.writeFile(index, '');
    await lab.machine.writeFile(
      config,
      `[ca]\ndefault_ca = d\n[d]\ndatabase = ${index}\ndefault_md = sha256\n[e]\nauthorityKeyIdentifier = keyid\n`,
    );
    const signing = ['-config', config, '-keyfile', paths.key, '-cert', paths.certificate];
    const list = ['ca', '-gencrl', ...signing, '-crlexts', 'e', '-crlsec', '1', '-out', paths.crl];
    const { code, stderr } = await lab.machine.exec(['openssl', ...list]);
    if (code !== 0) throw new Error(stderr);
    await eventually(
      () => lab.machine.exec(['openssl', 'crl', '-in', paths.crl, '-noout', '-nextupdate']),
      ({ stdout }) => Date.parse(stdout.replace('nextUpdate=', '')) < Date.now() - 1500,
    );
    await lab.stock(peer('there'), { authority: paths.certificate, own: paths.issued('certificate.there') });
    await begin();
    expect(await lab.failing('here')).toMatchObject({ code: 'revocation-unknown' });
    expect(await lab.pings('here', 2)).toBe(0);
  }, 90_000);

  test('of somebody else, or for another name, does not pass', async () => {
    const paths = await lab.certify();
    const [own, key] = [`${paths.folder}/foreign.crt`, `${paths.folder}/foreign.key`];
    const foreign = selfSigned(['there.example.com']);
    await lab.machine.writeFile(own, foreign.certificate);
    await lab.machine.writeFile(key, foreign.privateKey);
    await lab.stock(peer('there'), { authority: paths.certificate, own: { certificate: own, key } });
    await begin();
    expect(await lab.failing('here')).toMatchObject({ code: 'certificate-foreign' });
    await lab.stock(peer('other'), { authority: paths.certificate, own: paths.issued('certificate.other') });
    await begin();
    expect((await lab.failing('here')).code).toMatch(/wrong-identity|refused-by-peer/);
  }, 90_000);
});

const never = (): never => {
  throw new Error('there is no connection');
};

describe('what is exported for strongSwan is all that a stock one needs', () => {
  // A strongSwan that protects packets itself takes only networks in which it has an address.
  beforeAll(() => lab.sh('there', 'ip addr add 10.3.0.1/24 dev lo'));
  afterAll(() => lab.sh('there', 'ip addr del 10.3.0.1/24 dev lo'));
  afterEach(async () => {
    await lab.endStock();
    await lab.drop('here');
  });

  test.each([
    ['we begin', {}],
    ['it begins, with algorithms of long ago', { peer: { profile: 'legacy' }, tunnel: { start: 'respond' } }],
    [
      'it may be anywhere, both have names, and an older profile',
      {
        peer: {
          address: undefined,
          localIdentity: 'head.example.com',
          peerIdentity: 'branch@example.com',
          profile: 'good',
        },
      },
    ],
  ])(
    'as it was printed, with the key: %s',
    async (_, declared) => {
      const { input, text } = declaredTunnel({ ...declared, more: ['10.3.0.0/24'] });
      await lab.hold('here', input);
      await lab.stock(text);
      const { pairs, failure } = await lab.up('here');
      expect(failure).toBeNull();
      expect(pairs.map((it) => it.remote)).toEqual([networkOf.there, '10.3.0.0/24']);
      // Who began knows a moment later than who was asked.
      await eventually(
        () => lab.pings('here', 1),
        (it) => it === 1,
      );
      expect([await lab.pings('here'), await lab.pings('there')]).toEqual([3, 3]);
    },
    60_000,
  );
});

test('a peer that may be anywhere, behind address translation, begins; its address is seen', async () => {
  await lab.hold('here', inputOf('here', { connection: { remote: [], remoteIdentity: 'branch.example.com' } }));
  await lab.sh('middle', 'nft add table ip nat');
  await lab.sh('middle', 'nft add chain ip nat post { type nat hook postrouting priority srcnat ; }');
  await lab.sh('middle', `nft add rule ip nat post ip saddr ${addressOf.there} snat to 198.51.100.254`);
  await lab.stock(stock({ id: 'branch.example.com', start: 'start' }));
  expect(await lab.up('here')).toMatchObject({ address: '198.51.100.254', behindNat: true, initiator: false });
  expect(await lab.pings('here')).toBe(3);
  await lab.endStock();
  await lab.sh('middle', 'nft delete table ip nat');
  // Under another address the same peer takes its own place.
  await lab.stock(stock({ id: 'branch.example.com', start: 'start' }));
  await eventually(
    () => lab.tunnel('here'),
    (it) => it.state === 'up' && it.address === addressOf.there,
    60,
  );
  await lab.endStock();
  await lab.drop('here');
}, 120_000);

test('both sides may begin at once: there is one tunnel in the end', async () => {
  for (const side of sides) await lab.hold(side, inputOf(side, { tunnel: { start: 'start' } }));
  for (const side of sides) await lab.up(side);
  expect(otherSide('here')).toBe('there');
  expect(await lab.pings('here')).toBe(3);
}, 60_000);
