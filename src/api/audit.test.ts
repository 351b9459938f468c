import { expect, test } from 'vitest';
import { actionOf } from './audit.ts';

test.each([
  ['POST', '/v1/apply', 'vauban.v1.site.apply', 'site'],
  ['POST', '/v1/confirm', 'vauban.v1.revisions.confirm', 'confirm'],
  ['POST', '/v1/revert', 'vauban.v1.revisions.revert', 'revert'],
  ['POST', '/v1/revisions/5/rollback', 'vauban.v1.revisions.rollback', 'revisions/5'],
  ['POST', '/v1/tokens', 'vauban.v1.tokens.create', 'tokens'],
  ['DELETE', '/v1/tokens/ci', 'vauban.v1.tokens.delete', 'tokens/ci'],
  ['POST', '/v1/projects/lab/instances/web', 'vauban.v1.instances.create', 'projects/lab/instances/web'],
  ['PUT', '/v1/projects/lab/firewallRules/a', 'vauban.v1.firewallRules.replace', 'projects/lab/firewallRules/a'],
  ['DELETE', '/v1/projects/lab/networks/net', 'vauban.v1.networks.delete', 'projects/lab/networks/net'],
  ['POST', '/v1/projects/lab/instances/web/reset', 'vauban.v1.instances.reset', 'projects/lab/instances/web'],
])('%s %s is %s of %s', (method, path, name, resource) => {
  expect(actionOf(method, path)).toMatchObject({ method: name, resource, reads: false });
});

test.each([
  ['GET', '/v1/health'],
  ['GET', '/v1/projects/lab/threats:stream'],
  ['POST', '/v1/plan'],
  ['POST', '/v1/projects/lab/logs:read'],
])('%s %s only asks', (method, path) => {
  expect(actionOf(method, path).reads).toBe(true);
});

test('a dry run only asks; hostile paths make no harm', () => {
  expect(actionOf('PUT', '/v1/projects/lab/instances/web', { dryRun: 'true' }).reads).toBe(true);
  expect(actionOf('DELETE', '/')).toMatchObject({ reads: false, projects: [] });
  expect(actionOf('POST', '/v1/projects/%/x')).toMatchObject({ projects: ['%'] });
  expect(actionOf('POST', '/v1/constructor').method).toBe('vauban.v1.constructor.create');
});
