import type { Inside, Line, Peer } from './firewall-peers.ts';

const actions = { allow: 'ACCEPT', deny: 'DROP' } as const;

const side = (zone: string, address: string): string => (address === '0.0.0.0/0' ? zone : `${zone}:${address}`);

const ruleOf = ({ action, source, destination, protocol, ports }: Line): string =>
  [actions[action], side('ext', source), side('lan', destination), protocol, ports].join('\t');

/** Shorewall as Debian installs it, between the interfaces `ext` and `lan`. */
export function shorewall({ sh }: Inside): Peer {
  const write = (file: string, text: string) => sh(`cat >/etc/shorewall/${file}`, `${text}\n`);
  const rules = (lines: readonly string[]) => write('rules', ['?SECTION NEW', ...lines].join('\n'));
  let held: readonly string[] = [];
  return {
    name: 'shorewall',
    async load(lines) {
      held = lines.map(ruleOf);
      await sh(
        "sed -i -e 's/^STARTUP_ENABLED=.*/STARTUP_ENABLED=Yes/' -e 's/^IP_FORWARDING=.*/IP_FORWARDING=Keep/' /etc/shorewall/shorewall.conf",
      );
      await write('zones', 'fw firewall\next ipv4\nlan ipv4');
      await write('interfaces', '?FORMAT 2\next ext\nlan lan');
      await write('policy', 'all all DROP');
      await rules(held);
      await sh('shorewall -q start');
    },
    async change() {
      await rules([...held, 'ACCEPT\text:99.1.2.0/24\tlan:10.0.1.1\ttcp\t90']);
      await sh('shorewall -q reload');
      await rules(held);
      await sh('shorewall -q reload');
    },
    async unload() {
      await sh('shorewall -q clear; nft flush ruleset');
    },
  };
}
