import { within } from '#access/policy/window.ts';
import type { UrlProfile, UrlRule } from '#engines/squid/input.ts';
import type { UrlPolicy } from '#engines/squid/policy.ts';
import { type CompiledList, holds } from '#lib/domains/compiled.ts';
import { suffixHashes } from '#lib/domains/hash.ts';
import { type Host, hostOf } from '#lib/domains/name.ts';
import { contains, type Prefix, parseAddress, prefix } from '#lib/ip.ts';

/** What is asked about: one request of HTTP, or the beginning of one TLS connection. */
export interface Asked {
  readonly client: string;
  /** Port that it was diverted to. */
  readonly port: number;
  /** Address that the client connects to. */
  readonly server: string;
  readonly tls: boolean;
  /** The Host header, or the server name of TLS; empty: none. */
  readonly host: string;
}

/** Why a verdict is what it is. Names are API: they stand in the log. */
export type Cause =
  | 'rule'
  | 'default_action'
  | 'no_server_name'
  | 'address_literal'
  | 'malformed_host'
  | 'dns_over_https'
  | 'encrypted_client_hello'
  | 'no_profile';

export interface Decision {
  readonly verdict: 'allow' | 'block';
  readonly cause: Cause;
  /** As it was compared; empty: none. */
  readonly host: string;
  readonly profile?: UrlProfile;
  readonly rule?: UrlRule;
  /** The list of the rule that holds the site. */
  readonly list?: { readonly name: string; readonly title: string };
  /** Filter rule that diverted it. */
  readonly filterRule?: string;
}

export interface Judge {
  decide(asked: Asked, now: number): Decision;
}

interface ReadyRule {
  readonly rule: UrlRule;
  readonly sources: readonly Prefix[];
}

interface ReadyBar {
  readonly cause: Cause;
  readonly list: string;
  readonly servers: readonly Prefix[];
}

/** A policy made ready to decide. */
export function judgeOf(policy: UrlPolicy, compiled: ReadonlyMap<string, CompiledList>): Judge {
  const titles = new Map(policy.lists.map((it) => [it.name, it]));
  const rules = new Map(
    policy.profiles.map((it) => [
      it.name,
      it.rules.map((rule): ReadyRule => ({ rule, sources: rule.sources.map(prefix) })),
    ]),
  );
  const bars = new Map(
    policy.profiles.map(({ name, barred = [] }) => [
      name,
      barred.map(({ cause, list, addresses }): ReadyBar => ({ cause, list, servers: addresses.map(prefix) })),
    ]),
  );
  const profiles = new Map(policy.profiles.map((it) => [it.name, it]));
  const listeners = new Map(policy.listeners.flatMap((it) => [it.http, it.https].map((port) => [port, it] as const)));

  return {
    decide(asked, now) {
      const host = hostOf(asked.host);
      const listener = listeners.get(asked.port);
      const profile = profiles.get(listener?.profile ?? '');
      const said = host.kind === 'name' ? host.name : asked.host;
      if (listener === undefined || profile === undefined) return { verdict: 'block', cause: 'no_profile', host: said };
      const known = { host: said, profile, filterRule: listener.rule };
      const barred = barredBy(profile, host, asked);
      if (barred !== undefined) return { verdict: 'block', cause: barred, ...known };
      const address = parseAddress(asked.client);
      const hashes = host.kind === 'name' ? suffixHashes(host.name) : [];
      const found = (list: string | undefined) => {
        const named = titles.get(list ?? '');
        return named === undefined ? {} : { list: { name: named.name, title: named.title } };
      };
      const server = asked.tls ? parseAddress(asked.server) : undefined;
      const bar = bars
        .get(profile.name)
        ?.find(
          ({ list, servers }) =>
            (hashes.length > 0 && holds(listOf(compiled, list), hashes)) ||
            (server !== undefined && servers.some((it) => contains(it, server))),
        );
      if (bar !== undefined) return { verdict: 'block', cause: bar.cause, ...known, ...found(bar.list) };
      for (const { rule, sources } of rules.get(profile.name) ?? []) {
        if (sources.length > 0 && (address === undefined || !sources.some((it) => contains(it, address)))) continue;
        if (rule.schedule.length > 0 && !rule.schedule.some((it) => within(it, now))) continue;
        const list = rule.lists.find((it) => hashes.length > 0 && holds(listOf(compiled, it), hashes));
        if (rule.lists.length > 0 && list === undefined) continue;
        return { verdict: rule.action, cause: 'rule', ...known, rule, ...found(list) };
      }
      return { verdict: profile.defaultAction, cause: 'default_action', ...known };
    },
  };
}

const nothing: CompiledList = { domains: new Float64Array(), exceptions: new Float64Array() };
const listOf = (compiled: ReadonlyMap<string, CompiledList>, name: string): CompiledList =>
  compiled.get(name) ?? nothing;

/** What no rule is asked about. */
function barredBy(profile: UrlProfile, host: Host, asked: Asked): Cause | undefined {
  if (host.kind === 'address') return profile.addressLiteral === 'block' ? 'address_literal' : undefined;
  if (host.kind === 'name') return undefined;
  if (asked.tls && asked.host === '') return profile.noServerName === 'block' ? 'no_server_name' : undefined;
  return 'malformed_host';
}
