/** For processes of ours: where the agent itself finds compiled code they find theirs. */
export function compiledCode(): Readonly<Record<string, string>> {
  const folder = process.env['NODE_COMPILE_CACHE'];
  return folder === undefined ? {} : { NODE_COMPILE_CACHE: folder };
}
