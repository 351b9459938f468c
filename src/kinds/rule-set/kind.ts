import * as z from 'zod';
import { defineKind } from '../define.ts';
import { Description } from '../fields.ts';

export const RuleSetSpec = z
  .strictObject({
    rules: z
      .string()
      .max(64 * 1024 * 1024)
      .describe('Detection rules in Suricata’s language, one on a line.'),
    description: Description,
  })
  .meta({
    id: 'RuleSet',
    title: 'Rule set',
    description: 'Detection rules of your own. They are tested by the engine before they replace anything.',
  });

export type RuleSetSpec = z.infer<typeof RuleSetSpec>;

export const ruleSet = defineKind<RuleSetSpec>({
  kind: 'ruleSet',
  title: 'Rule set',
  service: 'ids.googleapis.com',
  spec: RuleSetSpec,
  columns: [
    {
      title: 'RULES',
      value: ({ spec }) =>
        String(spec.rules.split('\n').filter((line) => /^\s*(alert|drop|pass|reject)\s/.test(line)).length),
    },
  ],
  feeds: {},
  example: {
    'our-rules': {
      rules:
        'alert http any any -> any any (msg:"Request for the old admin page"; http.uri; content:"/old-admin"; sid:1000001; rev:1;)\n',
    },
  },
});
