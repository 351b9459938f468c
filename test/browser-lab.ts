import { createHash, X509Certificate } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { FRONT } from './iap-lab.ts';
import { type PeopleLab, peopleLab } from './people-lab.ts';

/** A person's laptop on the other side of the load balancer: a real browser in a network namespace of its own. */
export interface BrowserLab extends PeopleLab {
  /** A fresh profile: no cookies, no history. */
  laptop(options?: Parameters<Browser['newContext']>[0]): Promise<BrowserContext>;
  /** Keeps a picture of a page, where pictures are asked for (VAUBAN_SCREENSHOTS names a folder). */
  picture(page: Page, name: string): Promise<void>;
}

export const ACCOUNTS = 'https://accounts.example.com';
export const SHOP = 'https://shop.example.com';
export const VAULT = 'https://vault.example.com';

const pictures = process.env['VAUBAN_SCREENSHOTS'];

export async function browserLab(): Promise<BrowserLab> {
  const lab = await peopleLab();
  const folder = mkdtempSync(`${tmpdir()}/vauban-browser-`);
  const browser = await launch(folder, lab);
  if (pictures !== undefined) mkdirSync(pictures, { recursive: true });
  return {
    ...lab,
    laptop: (options) => browser.newContext({ viewport: { width: 1100, height: 820 }, ...options }),
    async picture(page, name) {
      if (pictures !== undefined) await page.screenshot({ path: `${pictures}/${name}.png`, fullPage: true });
    },
    async remove() {
      await browser.close();
      rmSync(folder, { recursive: true, force: true });
      await lab.remove();
    },
  };
}

/** The browser believes the site's own key, and nothing else that it would not believe anyway. */
function launch(folder: string, { machine, site }: PeopleLab): Promise<Browser> {
  const wrapper = `${folder}/laptop`;
  writeFileSync(
    wrapper,
    `#!/bin/sh\nexec nsenter --net=/run/netns/${machine.namespace('outside')} -- chromium "$@"\n`,
    { mode: 0o755 },
  );
  const key = new X509Certificate(site.certificates[0]?.chain ?? '').publicKey.export({ format: 'der', type: 'spki' });
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
