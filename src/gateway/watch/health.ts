/** What is known of one router by the questions that it was asked. */
export interface Health {
  readonly state: 'up' | 'down';
  /** Answers in a row that say otherwise than the state does. */
  readonly against: number;
}

/** Nobody is blamed before there was time to answer. */
export const innocent: Health = { state: 'up', against: 0 };

/** After an answer, or none: the state changes when so many in a row say so. */
export function afterAnswer({ state, against }: Health, answered: boolean, tries: number): Health {
  if (answered === (state === 'up')) return { state, against: 0 };
  if (against + 1 < tries) return { state, against: against + 1 };
  return { state: state === 'up' ? 'down' : 'up', against: 0 };
}
