import { type ChildProcess, spawn } from 'node:child_process';
import { eventually } from './deployment.ts';
import { FRONT, HOST, type IapLab } from './iap-lab.ts';

/** Clients of the identity-aware proxy that go on: what they print can be waited for. */
export function goingOn(lab: () => IapLab) {
  const children: ChildProcess[] = [];
  /** A Node script where the clients are, that goes on; its lines can be waited for. */
  function client(source: string, ...argv: string[]) {
    const space = `--net=/run/netns/${lab().machine.namespace('outside')}`;
    const words = [space, process.execPath, '--input-type=module', '-', FRONT, HOST, ...argv];
    const child = spawn('nsenter', words, { stdio: ['pipe', 'pipe', 'inherit'] });
    children.push(child);
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (part: string) => {
      text += part;
    });
    child.stdin.end(source);
    const lines = () => text.split('\n').filter((it) => it !== '');
    return {
      child,
      lines,
      said: (line: string) =>
        eventually(
          async () => lines(),
          (it) => it.includes(line),
        ),
    };
  }
  return {
    client,
    /** Call it after each test. */
    stop: () => {
      for (const it of children.splice(0)) it.kill('SIGKILL');
    },
  };
}

export const socketClient = `
import { createHash, randomBytes } from 'node:crypto';
import { request } from 'node:https';
const [host, name, cookie] = process.argv.slice(2);
const asked = request({ host, servername: name, port: 443, path: '/socket', rejectUnauthorized: false, headers: { host: name, cookie, connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': 13, 'sec-websocket-key': randomBytes(16).toString('base64') } });
asked.on('response', (it) => { console.log('refused ' + it.statusCode); });
asked.on('upgrade', (_, socket) => {
  console.log('open');
  socket.on('data', () => {}).on('error', () => {}).on('close', () => { console.log('closed'); process.exit(); });
});
asked.on('error', (it) => console.log('error ' + it.message));
asked.end();`;
