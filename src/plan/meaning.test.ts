import { expect, test } from 'vitest';
import { emptySnapshot } from '#core/snapshot.ts';
import { admit } from './admit.ts';
import { resourceChanges } from './difference.ts';
import { parseSite } from './site.ts';

const site = `project: lab
networks: { vpc: {} }
subnets:
  a: { network: vpc, region: us-east1, range: 10.1.0.0/24 }
firewallRules:
  web: { network: vpc, rules: ["tcp:80", icmp], targetTags: [server] }
  database: { network: vpc, rules: ["tcp:5432"], sourceTags: [server], targetTags: [database] }
  ssh: { network: vpc, rules: ["tcp:22"], sourceRanges: [35.235.240.0/20] }
instances:
  attacker: { zone: us-east1-b, tags: [], interfaces: [{ subnet: a }] }
`;

const meanings = (before: string, after: string): readonly string[] => {
  const [old, now] = [before, after].map((text) => admit(parseSite([{ path: 's', text }]).declared, emptySnapshot));
  expect([old?.problems, now?.problems]).toEqual([[], []]);
  return resourceChanges(old?.snapshot ?? emptySnapshot, now?.snapshot ?? emptySnapshot).flatMap((it) => it.meaning);
};

test('a tag on a host says what becomes reachable by rules that stay as they are', () => {
  const tagged = site.replace('tags: []', 'tags: [server]');
  expect(meanings(site, tagged)).toEqual([
    'tag server on attacker: opens tcp:5432 from attacker to tag database',
    'tag server on attacker: opens tcp:80, icmp from anywhere to attacker',
  ]);
  expect(meanings(tagged, site)).toEqual([
    'no tag server on attacker: closes tcp:5432 from attacker to tag database',
    'no tag server on attacker: closes tcp:80, icmp from anywhere to attacker',
  ]);
});

test('a rule that changes speaks for itself', () => {
  expect(meanings(site, site.replace('35.235.240.0/20', '0.0.0.0/0'))).toEqual([
    'opens tcp:22 from anywhere to every host of vpc',
  ]);
  expect(meanings(site, site.replace('35.235.240.0/20', '35.235.240.0/20, 10.9.0.0/16'))).toEqual([
    'opens tcp:22 from 10.9.0.0/16 to every host of vpc',
  ]);
  expect(meanings(site, site.replace('"tcp:80", icmp', '"tcp:80", "tcp:443"'))).toEqual([
    'closes icmp from anywhere to tag server',
    'opens tcp:443 from anywhere to tag server',
  ]);
  const both = site.replace('tags: []', 'tags: [server]').replace('"tcp:80", icmp', '"tcp:443"');
  expect(meanings(site, both)).toEqual([
    'closes tcp:80, icmp from anywhere to tag server',
    'opens tcp:443 from anywhere to tag server',
    'tag server on attacker: opens tcp:5432 from attacker to tag database',
  ]);
});

test('a tag that no rule knows means nothing', () => {
  expect(meanings(site, site.replace('tags: []', 'tags: [blue]'))).toEqual([]);
});
