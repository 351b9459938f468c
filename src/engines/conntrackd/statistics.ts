/** Reads what `conntrackd -s` and `conntrackd -s queue` print. What is missing in the text is missing in the answer. */
export function statisticsOf(text: string): Readonly<Record<string, number>> {
  const numbers: Record<string, number> = {};
  let section = '';
  for (const line of text.split('\n')) {
    const head = /^(\S.*):\s*$/.exec(line);
    if (head?.[1] !== undefined) section = head[1];
    const current = /^current (?:active connections|elements):\s+(\d+)/.exec(line)?.[1];
    const name = current === undefined ? undefined : gauges[section];
    if (name !== undefined) numbers[name] = Number(current);
    const lost = /(\d+) Malformed msgs\s+(\d+) Lost msgs/.exec(line);
    if (lost !== null) numbers['lost'] = Number(lost[2]);
    const errors = /(\d+) Error send\s+(\d+) Error recv/.exec(line);
    if (errors !== null) numbers['errors'] = Number(errors[1]) + Number(errors[2]);
  }
  return numbers;
}

const gauges: Readonly<Record<string, string>> = {
  'cache internal': 'ownConnections',
  'cache external': 'peerConnections',
  'queue rsqueue': 'resendQueue',
};
