import { spawn } from 'node:child_process';
import { inNamespace } from './machine.ts';
import { WEB } from './url-filter-lab.ts';

/** Asks for allowed and forbidden sites on a connection each, four at a time, until it is told to stop. */
const script = `
import { request } from 'node:http';
let stopping = false;
process.on('SIGTERM', () => { stopping = true; });
const result = { requests: 0, wrong: [] };
const ask = (host, wanted) => new Promise((done) => {
  const asked = request({ host: '${WEB}', headers: { host }, agent: false, timeout: 30000 }, (answer) => {
    answer.resume().on('end', () => {
      result.requests += 1;
      if (answer.statusCode !== wanted) result.wrong.push(host + ' ' + answer.statusCode);
      done();
    });
  });
  asked.on('error', (error) => { result.requests += 1; result.wrong.push(host + ' ' + error.code); done(); }).end();
});
const sites = [['good.example', 200], ['games.example', 403], ['a.play.example', 403], ['other.example', 200]];
const until = Date.now() + 60000;
await Promise.all(sites.map(async ([host, wanted]) => {
  while (!stopping && Date.now() < until) { await ask(host, wanted); await new Promise((r) => setTimeout(r, 5)); }
}));
console.log(JSON.stringify(result));
process.exit();
`;

export interface LoadResult {
  readonly requests: number;
  readonly wrong: readonly string[];
}

/** Begins the load in a namespace; the function that it gives ends it and says how it went. At most a minute. */
export function load(namespace: string): () => Promise<LoadResult> {
  const [program = '', ...words] = inNamespace(namespace, [process.execPath, '--input-type=module', '-']);
  const child = spawn(program, words, { stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin.end(script);
  let said = '';
  const ended = new Promise<void>((done) => child.on('close', () => done()));
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  return async () => {
    child.kill('SIGTERM');
    await ended;
    return JSON.parse(said) as LoadResult;
  };
}
