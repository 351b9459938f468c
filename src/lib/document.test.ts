import { expect, test } from 'vitest';
import { filesNamed, parseDocuments } from './document.ts';

const text =
  'certificates:\n  my-cert:\n    privateKey: !file keys/PRIVATE_KEY_FILE\n    certificate: !file "my cert.pem"\n';

test('the files that a document names are known before it is sent', () => {
  expect(filesNamed(text)).toEqual(['keys/PRIVATE_KEY_FILE', 'my cert.pem']);
  expect(filesNamed('a: "!file x"\n# !file y\nb: [\n')).toEqual([]);
});

test('what a file holds stands where it is named', () => {
  const { documents, mistakes } = parseDocuments(text, {}, { 'keys/PRIVATE_KEY_FILE': 'KEY\n', 'my cert.pem': 'CERT' });
  expect(mistakes).toEqual([]);
  expect(documents[0]?.value).toEqual({ certificates: { 'my-cert': { privateKey: 'KEY\n', certificate: 'CERT' } } });
});

test('a file that did not come along is a mistake at its place', () => {
  const { mistakes } = parseDocuments(text, {}, { 'my cert.pem': 'CERT' });
  expect(mistakes).toHaveLength(1);
  expect(mistakes[0]).toMatchObject({
    place: { line: 3, column: 23 },
    message: 'there is no file keys/PRIVATE_KEY_FILE',
  });
  expect(parseDocuments('a: !file toString\n').mistakes).toHaveLength(1);
});
