import type { Machine, RunResult, ServiceStatus } from '#core/machine.ts';

/**
 * The machine for one look at everything: what several artifacts ask in the same words, such as what a namespace has, is asked
 * once. Only for looking, since a program that changes something would run once as well, and for one look, since the next one
 * must see what came between.
 */
export function askedOnce(machine: Machine): Machine {
  const ran = new Map<string, Promise<RunResult>>();
  const seen = new Map<string, Promise<ServiceStatus | undefined>>();
  return {
    ...machine,
    exec: (argv, options = {}) => {
      const { namespace, stdin, timeout, env, ...following } = options;
      // Whoever follows what a program writes wants it for itself.
      if (Object.keys(following).length > 0) return machine.exec(argv, options);
      return kept(ran, JSON.stringify([argv, namespace, stdin, timeout, env]), () => machine.exec(argv, options));
    },
    supervisor: {
      ...machine.supervisor,
      status: (name) => kept(seen, name, () => machine.supervisor.status(name)),
    },
  };
}

function kept<T>(all: Map<string, Promise<T>>, key: string, ask: () => Promise<T>): Promise<T> {
  const before = all.get(key);
  if (before !== undefined) return before;
  const now = ask();
  all.set(key, now);
  return now;
}
