import * as z from 'zod';
import { Problem } from '#core/problem.ts';
import { askSocket } from '#engines/asking.ts';
import { type KnownPerson, operatorSocket, PEOPLE_PATH } from '#engines/edge/paths.ts';

const People = z.object({
  people: z.array(
    z.object({
      email: z.string(),
      displayName: z.string(),
      domain: z.string().optional(),
      groups: z.array(z.string()),
      directory: z.string(),
      disabled: z.boolean(),
      secondFactor: z.boolean(),
    }),
  ),
});

const PATIENCE = 10_000;
const LONGEST = 64_000_000;

/** Everybody whom the directories of a project know, as its edge service reads them. Nobody where there is none. */
export const knownPeople =
  (run: string) =>
  async (project: string): Promise<readonly KnownPerson[]> => {
    const asked = { path: PEOPLE_PATH, patience: PATIENCE, longest: LONGEST };
    try {
      const { body } = await askSocket(operatorSocket(run, project), asked);
      return People.parse(JSON.parse(body)).people as readonly KnownPerson[];
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      // A project with nobody to sign in has no edge service.
      if (code === 'ENOENT' || code === 'ECONNREFUSED') return [];
      throw away(project);
    }
  };

const away = (project: string): Problem =>
  new Problem('ENGINE_FAILED', {
    at: `edge of ${project}`,
    message: 'the edge service does not say whom its directories know',
    fix: 'Try again in a moment; `vauban status` shows what is down.',
  });
