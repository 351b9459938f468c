import { type Application, buildApplication, buildRouteMap, type RouteMap, text_en } from '@stricli/core';
import { asProblem, type ProblemDocument } from '#core/problem.ts';
import type { Cli } from './context.ts';
import { apply, confirm, history, plan, rollback } from './verbs/change.ts';
import { logs } from './verbs/logs.ts';
import { createRoutes, describe, edit, get, remove } from './verbs/resource.ts';
import { explain, schema } from './verbs/schema.ts';
import { exec, restart, ssh, start, stop } from './verbs/session.ts';
import { checks, token } from './verbs/system.ts';
import { threats } from './verbs/threats.ts';

/** Verbs that are made elsewhere: those that work on the machine itself and not through the API. */
export type MachineVerbs = Parameters<typeof buildRouteMap<string, Cli>>[0]['routes'];

export function cliApp(machine: MachineVerbs, version: string): Application<Cli> {
  const routes: RouteMap<Cli> = buildRouteMap<string, Cli>({
    routes: {
      ...machine,
      plan,
      apply,
      confirm,
      history,
      rollback,
      get,
      describe,
      create: createRoutes(),
      edit,
      delete: remove,
      start,
      stop,
      restart,
      exec,
      ssh,
      threats,
      logs,
      checks,
      schema,
      explain,
      token,
    },
    docs: {
      brief: 'The network perimeter of a cloud, on your own Linux machines',
      fullDescription:
        'One declared site is compiled to nftables, Suricata and the other engines of Linux, applied as a whole, and taken back when it locks you out.',
    },
  });
  return buildApplication(routes, {
    name: 'vauban',
    versionInfo: { currentVersion: version },
    scanner: { caseStyle: 'allow-kebab-for-camel', allowArgumentEscapeSequence: true },
    documentation: { caseStyle: 'convert-camel-to-kebab' },
    localization: { text: { ...text_en, exceptionWhileRunningCommand: (error) => described(error) } },
    determineExitCode: () => 1,
  });
}

/** A problem as a person reads it: where, what, what to do; each of several mistakes on lines of its own. */
export function described(error: unknown): string {
  const problem = asProblem(error).toJSON();
  const one = (it: ProblemDocument): string => `${it.at}: ${it.message}\n  ${it.fix}`;
  return (problem.details ?? []).length > 0
    ? `${(problem.details ?? []).map(one).join('\n')}\n${problem.fix}`
    : one(problem);
}
