/**
 * IAM's `extract`: the text that stands at `{name}` of a template such as `/projects/{project}/`. The part of the template
 * before the braces is found at its first occurrence; what follows up to the part behind the braces is the answer. Empty
 * when it does not fit.
 */
export function extract(text: string, template: string): string {
  const [, before = '', after = ''] = /^([^{}]*)\{[A-Za-z_]\w*\}([^{}]*)$/.exec(template) ?? [];
  if (!template.includes('{')) return '';
  const start = text.indexOf(before);
  if (start < 0) return '';
  const from = start + before.length;
  if (after === '') return text.slice(from);
  const end = text.indexOf(after, from);
  return end < 0 ? '' : text.slice(from, end);
}
