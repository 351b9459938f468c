import { createHash, X509Certificate } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import type { Artifact } from '#core/artifact.ts';
import type { EdgeInput } from '#engines/edge/input.ts';
import { slapdEngine } from '#engines/slapd/driver.ts';
import type { SlapdInput } from '#engines/slapd/input.ts';
import { artifactOf } from './directory-lab.ts';
import { FRONT, type IapLab, iapLab, lets, protectedSite, webService } from './iap-lab.ts';
import { service } from './proxy-lab.ts';
import { internalDirectory } from './sign-in-lab.ts';

/** A person's laptop on the other side of the load balancer: a real browser in a network namespace of its own. */
export interface BrowserLab extends IapLab {
  /** Changes who is in the directory. */
  directory(input: SlapdInput): Promise<void>;
  /** A fresh profile: no cookies, no history. */
  laptop(options?: Parameters<Browser['newContext']>[0]): Promise<BrowserContext>;
  /** Keeps a picture of a page, where pictures are asked for (VAUBAN_SCREENSHOTS names a folder). */
  picture(page: Page, name: string): Promise<void>;
}

export const ACCOUNTS = 'https://accounts.example.com';
export const SHOP = 'https://shop.example.com';
export const VAULT = 'https://vault.example.com';

const pictures = process.env['VAUBAN_SCREENSHOTS'];

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

export async function browserLab(): Promise<BrowserLab> {
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
  const folder = mkdtempSync(`${tmpdir()}/vauban-browser-`);
  const browser = await launch(folder, lab, site.certificates[0]?.chain ?? '');
  if (pictures !== undefined) mkdirSync(pictures, { recursive: true });
  return {
    ...lab,
    directory,
    laptop: (options) => browser.newContext({ viewport: { width: 1100, height: 820 }, ...options }),
    async picture(page, name) {
      if (pictures !== undefined) await page.screenshot({ path: `${pictures}/${name}.png`, fullPage: true });
    },
    async remove() {
      await browser.close();
      rmSync(folder, { recursive: true, force: true });
      if (held !== undefined) await slapdEngine.remove(lab.machine, held);
      await lab.remove();
    },
  };
}

/** The browser believes the site's own key, and nothing else that it would not believe anyway. */
function launch(folder: string, { machine }: IapLab, certificate: string): Promise<Browser> {
  const wrapper = `${folder}/laptop`;
  writeFileSync(
    wrapper,
    `#!/bin/sh\nexec nsenter --net=/run/netns/${machine.namespace('outside')} -- chromium "$@"\n`,
    { mode: 0o755 },
  );
  const key = new X509Certificate(certificate).publicKey.export({ format: 'der', type: 'spki' });
  return chromium.launch({
    executablePath: wrapper,
    args: [
      ...['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'],
      ...['--disable-background-networking', '--disable-component-update', '--disable-sync'],
      `--ignore-certificate-errors-spki-list=${createHash('sha256').update(key).digest('base64')}`,
      `--host-resolver-rules=MAP *.example.com ${FRONT}, MAP * ~NOTFOUND`,
    ],
  });
}
