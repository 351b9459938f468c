import { defineKind } from '../define.ts';
import { twice } from '../filter-policy/kind.ts';
import { UrlProfileSpec } from './spec.ts';

export const urlProfile = defineKind<UrlProfileSpec>({
  kind: 'urlProfile',
  title: 'URL profile',
  spec: UrlProfileSpec,
  check: ({ spec }) => twice(spec.rules),
  columns: [
    { title: 'RULES', value: ({ spec }) => String(spec.rules.length) },
    { title: 'OTHERWISE', value: ({ spec }) => spec.defaultAction },
    { title: 'DESCRIPTION', value: ({ spec }) => spec.description },
  ],
  feeds: {},
  example: {
    staff: {
      title: 'Staff',
      rules: [{ name: 'no-games', action: 'block', categories: ['games'], schedule: 'office-hours' }],
      page: { organization: 'Example Ltd', contact: 'it@example.com' },
    },
  },
});
