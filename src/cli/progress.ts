import type { Client } from '#client/client.ts';
import type { Operation, OperationEvent } from '#control/operations.ts';
import type { HoldEvent } from '#core/host.ts';
import { Problem } from '#core/problem.ts';
import { count } from '#lib/text.ts';
import type { Cli } from './context.ts';

/** Shows an operation live until it is over; throws its problem when it failed. */
export async function follow(cli: Cli, client: Client, begun: Operation): Promise<Operation> {
  const screen = new Screen(cli);
  if (begun.state === 'running') {
    for await (const { data } of client.events(`/v1/operations/${begun.id}/events`)) {
      // A beat only says that the connection lives.
      if (data === '') continue;
      const event = JSON.parse(data) as OperationEvent;
      if (event.event !== 'operation') screen.show(event);
    }
  }
  screen.end();
  const operation = await client.get<Operation>(`/v1/operations/${begun.id}`);
  if (operation.state === 'failed' && operation.problem !== undefined) throw Problem.from(operation.problem);
  return operation;
}

/** On a terminal one line that changes; elsewhere a line for what takes long. */
class Screen {
  readonly #cli: Cli;
  readonly #live: boolean;
  #steps: Extract<HoldEvent, { event: 'steps' }>['steps'] = [];
  #done = 0;
  #shown = '';

  constructor(cli: Cli) {
    this.#cli = cli;
    this.#live = process.stderr.isTTY === true;
  }

  show(event: HoldEvent): void {
    if (event.event === 'steps') {
      this.#steps = event.steps;
      if (event.steps.length > 0 && !this.#live) this.#cli.note(`${count(event.steps.length, 'step')} to take`);
    }
    if (event.event === 'step' && event.state === 'started') this.#line(this.#steps[event.index]?.artifact ?? '');
    if (event.event === 'step' && event.state === 'done') this.#done += 1;
    if (event.event === 'progress') this.#line(event.text, true);
  }

  end(): void {
    if (this.#live && this.#shown !== '') process.stderr.write('\r\u001b[K');
  }

  #line(text: string, worthALine = false): void {
    const steps = this.#steps.length;
    // What is done in many small changes has no steps of its own.
    const line = steps === 0 ? text : `[${Math.min(this.#done + 1, steps)}/${steps}] ${text}`;
    if (this.#live) {
      const width = (process.stderr.columns ?? 80) - 1;
      process.stderr.write(`\r\u001b[K${line.slice(0, width)}`);
      this.#shown = text;
    } else if (worthALine && text !== this.#shown) {
      this.#cli.note(line);
      this.#shown = text;
    }
  }
}
