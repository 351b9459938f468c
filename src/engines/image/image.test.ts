import { expect, test } from 'vitest';
import { assembleImages } from './assemble.ts';
import { type ImageInput, imageHash, imagePath } from './image.ts';
import { parseTargets, sourcesFor } from './mirror.ts';
import { afterLine, type BuildProgress, beforeBuild } from './progress.ts';

const debian11: ImageInput = { name: 'debian-11', suite: 'bullseye', packages: ['git', 'vim'], available: ['nginx'] };

test('the order of packages and their repetition never make another image', () => {
  expect(imageHash({ ...debian11, packages: ['vim', 'git', 'vim'] })).toBe(imageHash(debian11));
  expect(imageHash({ ...debian11, packages: ['git'] })).not.toBe(imageHash(debian11));
  expect(imageHash({ ...debian11, available: [] })).not.toBe(imageHash(debian11));
});

test('images stand beside the state of the agent, so that deployments share them', () => {
  expect(imagePath({ state: '/var/lib/vauban/host' }, 'debian-11', 'ab')).toBe('/var/lib/vauban/images/debian-11-ab');
});

test('an image that several instances use is one artifact with all of them as owners', () => {
  const [image, ...more] = assembleImages([
    { owner: 'lab/instance/b', fragment: debian11 },
    { owner: 'lab/instance/a', fragment: debian11 },
  ]);
  expect(more).toEqual([]);
  expect(image?.owners).toEqual(['lab/instance/a', 'lab/instance/b']);
});

const targets = parseTargets(`Debian|bookworm|http://mirror.example/debian/
Debian|bookworm-updates|http://mirror.example/debian/
Debian|bookworm-security|http://security.example/
Debian Backports|bookworm-backports|http://mirror.example/debian/
. nodistro|nodistro|https://other.example/
`);

test('an image comes from the mirrors that the machine itself uses', () => {
  expect(sourcesFor('bullseye', targets)).toEqual([
    'deb http://mirror.example/debian/ bullseye main',
    'deb http://mirror.example/debian/ bullseye-updates main',
    'deb http://security.example/ bullseye-security main',
  ]);
});

test('a machine without a Debian mirror has no sources to offer', () => {
  expect(sourcesFor('bookworm', parseTargets('Ubuntu|noble|http://u.example/\n'))).toEqual([]);
});

test('a build tells its phase, and how far it is in steps of five percent', () => {
  const lines = [
    'phase: installing',
    'I: downloading packages with apt...',
    '0 upgraded, 40 newly installed, 0 to remove and 0 not upgraded.',
    ...Array.from(
      { length: 40 },
      (_, n) => `Get:${n + 1} http://mirror.example/debian bullseye/main amd64 p${n} amd64 1 [9 kB]`,
    ),
    'phase: fetching the packages for later',
  ];
  let progress: BuildProgress = beforeBuild;
  const told = lines.flatMap((line) => {
    progress = afterLine(progress, line);
    return progress.text === undefined ? [] : [progress.text];
  });
  expect(told.slice(0, 4)).toEqual(['installing', 'downloading', 'downloading: 5 %', 'downloading: 10 %']);
  expect(told.slice(-2)).toEqual(['downloading: 100 %', 'fetching the packages for later']);
});
