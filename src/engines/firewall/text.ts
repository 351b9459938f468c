import { formatAddress } from '#lib/ip.ts';
import type { Interval } from '../packets/flatten.ts';
import type { Content, Field, Step, When } from './model.ts';
import { formatNumber, impliedNumber } from './numbers.ts';

/** The table that judges, as nft names it. IPv6 is locked by a table of its own. */
export const table = 'ip fw';

export const lowerChain = (value: number): string => `lower_${formatNumber(value).slice(2)}`;

/** What stands between the braces of an object's definition, in nft's syntax. */
export function bodyOf(content: Content): string {
  switch (content.kind) {
    case 'chain':
      return content.steps.map((step) => `    ${stepText(step, content.field)}\n`).join('');
    case 'marks':
      return addressMap('mark', content.spans, (value) => formatNumber(value));
    case 'lowers':
      return addressMap('verdict', content.spans, (value) => `jump ${lowerChain(value)}`);
    case 'ports': {
      const flags = content.entries.some((it) => it.from !== it.to) ? ' flags interval;' : '';
      const elements = content.entries.map((it) => `${range(it, String)} : ${content.how} ${it.chain}`);
      return `    type inet_service : verdict;${flags}\n    elements = {\n${elements.join(',\n')}\n    }\n`;
    }
    case 'addresses': {
      const elements = content.entries.map((it) => `${range(it, formatAddress)} : jump ${it.chain}`);
      return `    type ipv4_addr : verdict; flags interval;\n    elements = {\n${elements.join(',\n')}\n    }\n`;
    }
    case 'log':
      return [
        '    update @log_rate { ip saddr . meta mark limit rate 5/second burst 10 packets }',
        ` log prefix "${content.prefix}" group ${content.group}\n`,
        content.then === 'goto allowed' ? '    goto allowed\n' : `    ${content.then}\n`,
      ].join('');
  }
}

function addressMap(
  type: string,
  spans: readonly (Interval & { readonly value: number })[],
  data: (value: number) => string,
) {
  const elements = spans.map((it) => `${range(it, formatAddress)} : ${data(it.value)}`);
  return `    type ipv4_addr : ${type}; flags interval;\n    elements = {\n${elements.join(',\n')}\n    }\n`;
}

const range = (it: Interval, format: (value: number) => string): string =>
  it.from === it.to ? format(it.from) : `${format(it.from)}-${format(it.to)}`;

function stepText(step: Step, field: Field): string {
  switch (step.kind) {
    case 'mark':
      return `${whenText(step.when, field)}meta mark set ${formatNumber(step.value)}${step.last ? ' return' : ''}`;
    case 'lower': {
      const value = formatNumber(step.value);
      // Leaving must not depend on whether the mark was lowered; a chain of its own keeps that apart.
      if (step.last) return `${whenText(step.when, field)}goto ${lowerChain(step.value)}`;
      return `${whenText(step.when, field)}meta mark > ${value} meta mark set ${value}`;
    }
    case 'go':
      return `${whenText(step.when, field)}${step.how} ${step.chain}`;
    case 'look':
      return `meta mark set ip ${field} map @${step.map}`;
    case 'lowerBy':
    case 'address':
      return `ip ${field} vmap @${step.map}`;
    case 'port':
      return `th dport ${step.mask === undefined ? '' : `& ${step.mask} `}vmap @${step.map}`;
    case 'judge':
      return `goto judge_${step.direction}`;
  }
}

function whenText(when: When | undefined, field: Field): string {
  if (when === undefined) return '';
  const parts: string[] = [];
  if (when.protocol !== undefined) parts.push(`meta l4proto ${when.protocol}`);
  if (when.ports !== undefined) parts.push(`th dport ${range(when.ports, String)}`);
  if (when.addresses !== undefined && !isEverywhere(when.addresses)) {
    parts.push(`ip ${field} ${range(when.addresses, formatAddress)}`);
  }
  if (when.unmatched) parts.push(`meta mark ${formatNumber(impliedNumber)}`);
  return parts.map((part) => `${part} `).join('');
}

export const isEverywhere = (it: Interval): boolean => it.from === 0 && it.to === 0xffffffff;
