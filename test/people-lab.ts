import type { Artifact } from '#core/artifact.ts';
import type { EdgeInput } from '#engines/edge/input.ts';
import type { HaproxyInput } from '#engines/haproxy/input.ts';
import { slapdEngine } from '#engines/slapd/driver.ts';
import type { SlapdInput } from '#engines/slapd/input.ts';
import { artifactOf } from './directory-lab.ts';
import { type IapLab, iapLab, lets, protectedSite, webService } from './iap-lab.ts';
import { service } from './proxy-lab.ts';
import { internalDirectory } from './sign-in-lab.ts';

/** The identity-aware proxy as it runs, with a real directory of people behind it. */
export interface PeopleLab extends IapLab {
  /** Changes who is in the directory. */
  directory(input: SlapdInput): Promise<void>;
  readonly site: HaproxyInput;
}

const proxied = () =>
  protectedSite({
    edgeHosts: ['accounts.example.com'],
    services: [service('web', { iap: true }), service('vault', { iap: true }), service('open')],
    routes: [
      {
        id: 'lab/urlMap/site',
        name: 'site',
        otherwise: { service: 'web' },
        hosts: [{ host: 'vault.example.com', matcher: 'vault' }],
        matchers: [{ name: 'vault', otherwise: { service: 'vault' }, paths: [] }],
      },
    ],
  });

export const decided = (): Partial<EdgeInput> => ({
  services: [
    webService({ hosts: ['shop.example.com', 'other.example.com'] }),
    webService({ name: 'vault', id: '4712', hosts: ['vault.example.com'], reauthMethod: 'secondFactor' }),
  ],
  bindings: lets(['group:operators@example.com', 'user:dave@example.com', 'user:carol@example.com']),
  providers: [
    {
      name: 'accounts',
      label: 'Example account',
      allowedDomains: [],
      internal: { host: 'accounts.example.com', directories: [] },
    },
  ],
  directories: [{ name: 'people', baseDn: internalDirectory.baseDn, minimumLength: 12 }],
  consent: { applicationName: 'Example Shop', supportEmail: 'support@example.com', userType: 'external' },
});

export async function peopleLab(): Promise<PeopleLab> {
  const site = proxied();
  const lab = await iapLab(site);
  let held: Artifact<SlapdInput> | undefined;
  const directory = async (input: SlapdInput): Promise<void> => {
    const wanted = artifactOf(input);
    await slapdEngine.apply(lab.machine, wanted, held);
    held = wanted;
  };
  await directory(internalDirectory);
  await lab.decide(decided());
  return {
    ...lab,
    ...{ directory, site },
    async remove() {
      if (held !== undefined) await slapdEngine.remove(lab.machine, held);
      await lab.remove();
    },
  };
}
