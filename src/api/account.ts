import { askSocket } from '#engines/asking.ts';
import { ACCOUNT_PATH, type AccountAnswer, operatorSocket } from '#engines/edge/paths.ts';
import type { AccountQuestion } from './context.ts';

/** Milliseconds: the edge may have to ask a provider for its keys. */
const PATIENCE = 15_000;

/** Asks the edge of a project over the socket that only control may open. Without an edge nobody has an account. */
export const askEdge =
  (run: string) =>
  async ({ project, instance, token, address }: AccountQuestion): Promise<AccountAnswer> => {
    const none = { refused: 'the project has no edge that could decide, or it does not answer' };
    // The name is a part of a path.
    if (!/^[a-z][a-z0-9-]{0,62}$/.test(project)) return none;
    const path = `${ACCOUNT_PATH}?${new URLSearchParams({ instance })}`;
    const headers = { authorization: `Bearer ${token}`, 'x-vauban-client-address': address };
    try {
      const { body } = await askSocket(operatorSocket(run, project), { path, headers, patience: PATIENCE });
      return JSON.parse(body) as AccountAnswer;
    } catch {
      return none;
    }
  };
