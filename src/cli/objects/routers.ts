import type { RouterObjectSpec } from '#kinds/router-object/spec.ts';
import { parseAddress } from '#lib/ip.ts';
import { type Declared, descriptionOf, value } from './declared.ts';
import type { Row } from './rows.ts';

/** `192.0.2.1*3>8.8.8.8+9.9.9.9`: a router, its weight, and who is asked behind it. */
const ROUTER = /^([\d.]+)(?:\*(\d{1,3}))?(?:>([\d.]+(?:\+[\d.]+)*))?$/;

type Router = RouterObjectSpec['gateways'][number];

const routersIn = (text: string): readonly (Router | string)[] =>
  text
    .split(',')
    .flatMap((it) => it.trim() || [])
    .map((it) => {
      const [, address = '', weight = '1', targets = ''] = ROUTER.exec(it) ?? [];
      const asked = targets === '' ? [] : targets.split('+');
      const known = [address, ...asked].every((one) => parseAddress(one) !== undefined);
      return known ? { address, weight: Number(weight), targets: asked } : it;
    });

/** Their words, and ours. */
const balancing = { none: 'none', connhash: 'connections', srchash: 'sources' } as const;
const failing = { pass: 'defaultRoute', block: 'drop' } as const;
const methods = { icmp: 'icmp', tcp_probe: 'tcp' } as const;

const said = <V extends string>(words: Readonly<Record<string, V>>, text: string): V | undefined =>
  Object.hasOwn(words, text) ? words[text] : undefined;
const wordFor = (words: Readonly<Record<string, string>>, ours: string): string =>
  Object.keys(words).find((it) => words[it] === ours) ?? '';

export function routerSpec(row: Row): Declared {
  const text = (name: string, otherwise: string): string => value(row, name).toLowerCase() || otherwise;
  const [gateways, backups] = [routersIn(value(row, 'gateways')), routersIn(value(row, 'backups'))];
  const nameless = [...gateways, ...backups].find((it) => typeof it === 'string');
  if (nameless !== undefined)
    return {
      mistake: `${nameless} is not a router`,
      fix: 'Write addresses, such as "192.0.2.1*3,198.51.100.1>8.8.8.8".',
    };
  const loadBalancing = said(balancing, text('loadbalancing', 'none'));
  const whenNoneAnswers = said(failing, text('onfailpolicy', 'pass'));
  const method = said(methods, text('monitor', 'icmp'));
  if (loadBalancing === undefined || whenNoneAnswers === undefined || method === undefined)
    return {
      mistake: 'a word of it is unknown',
      fix: 'Write icmp or tcp_probe, none, connhash or srchash, and pass or block.',
    };
  const number = (name: string, otherwise: number): number => Number(text(name, String(otherwise)));
  const probe = {
    ...{ method, port: number('port', 80), intervalSeconds: number('frequency', 1) },
    ...{ timeoutSeconds: number('wait', 1), tries: number('tries', 3) },
  };
  const threshold = number('gatewaythreshold', 1);
  return {
    spec: {
      gateways,
      backups,
      loadBalancing,
      // With 0 backups join as soon as one is down.
      fewest: threshold === 0 ? Math.max(1, gateways.length) : threshold,
      failBack: text('failback', 'on') !== 'off',
      ...(value(row, 'monitor') === '' ? {} : { probe }),
      whenNoneAnswers,
      ...descriptionOf(row),
    },
  };
}

const routerText = ({ address, weight, targets }: Router): string =>
  `${address}${weight === 1 ? '' : `*${weight}`}${targets.length === 0 ? '' : `>${targets.join('+')}`}`;

export const routerCells = (spec: RouterObjectSpec): Readonly<Record<string, string>> => ({
  gateways: spec.gateways.map(routerText).join(','),
  backups: spec.backups.map(routerText).join(','),
  ...(spec.probe === undefined
    ? {}
    : {
        monitor: wordFor(methods, spec.probe.method),
        port: String(spec.probe.port),
        tries: String(spec.probe.tries),
        wait: String(spec.probe.timeoutSeconds),
        frequency: String(spec.probe.intervalSeconds),
      }),
  gatewaythreshold: String(spec.fewest),
  loadbalancing: wordFor(balancing, spec.loadBalancing),
  failback: spec.failBack ? 'on' : 'off',
  onfailpolicy: wordFor(failing, spec.whenNoneAnswers),
});
