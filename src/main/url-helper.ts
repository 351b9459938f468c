import { randomBytes } from 'node:crypto';
import { renameSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { Answering } from '#url-filter/answering.ts';
import { PolicyFile } from '#url-filter/policy-file.ts';

// Squid starts it as its own user and asks on its standard input: which policy file, and where its status goes.
const [, , policyPath = '', statusPath = ''] = process.argv;
const run = [...randomBytes(4)].map((it) => (it % 36).toString(36)).join('') + (Date.now() % 46_656).toString(36);

/** How often files are looked at, and how often counts are written; milliseconds. */
const LOOK = 500;
const WRITE = 2000;

const policy = new PolicyFile(policyPath);
const answering = new Answering({ policy, now: Date.now, run });

function look(): void {
  if (!policy.look()) return;
  if (policy.refused !== undefined) process.stderr.write(`url filter: not taken: ${policy.refused}\n`);
  writeStatus();
}

let written = '';
function writeStatus(): void {
  const text = JSON.stringify(answering.status());
  if (text === written || statusPath === '') return;
  try {
    writeFileSync(`${statusPath}.new`, text);
    renameSync(`${statusPath}.new`, statusPath);
    written = text;
  } catch (error) {
    process.stderr.write(`url filter: its status cannot be written: ${error}\n`);
  }
}

look();
setInterval(look, LOOK).unref();
setInterval(writeStatus, WRITE).unref();
// It ends with its squid, which closes the other end.
createInterface({ input: process.stdin }).on('line', (line) => {
  const answer = answering.answer(line);
  if (answer !== undefined) process.stdout.write(answer);
});
