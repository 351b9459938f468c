import * as z from 'zod';
import { defineKind } from '../define.ts';
import { edgeProject } from '../instance/fabric.ts';
import { DisplayName, Email } from '../user/spec.ts';

export const ConsentScreenSpec = z
  .strictObject({
    applicationTitle: DisplayName.describe('Name of the application that sign-in and refusal pages show.'),
    supportEmail: Email.describe('Whom people may ask; shown on the same pages.'),
    userType: z
      .enum(['internal', 'external'])
      .default('internal')
      .describe('`internal`: people of the project’s own directories only. `external`: of every identity provider.'),
    developerContact: z.array(Email).max(10).default([]).describe('Whom to tell of changes; shown to nobody.'),
  })
  .meta({
    id: 'ConsentScreen',
    title: 'OAuth consent screen',
    description: 'What people see of your application while they sign in.',
  });

export type ConsentScreenSpec = z.infer<typeof ConsentScreenSpec>;

export const consentScreen = defineKind<ConsentScreenSpec>({
  kind: 'consentScreen',
  title: 'OAuth consent screen',
  single: true,
  spec: ConsentScreenSpec,
  columns: [
    { title: 'APPLICATION_TITLE', value: ({ spec }) => spec.applicationTitle },
    { title: 'SUPPORT_EMAIL', value: ({ spec }) => spec.supportEmail },
    { title: 'USER_TYPE', value: ({ spec }) => spec.userType },
  ],
  feeds: {
    edge: ({ project, spec }) => [
      {
        project: edgeProject(project),
        consent: {
          applicationName: spec.applicationTitle,
          supportEmail: spec.supportEmail,
          userType: spec.userType,
        },
      },
    ],
  },
  example: {
    'consent-screen': { applicationTitle: 'Shop', supportEmail: 'support@example.com', userType: 'external' },
  },
});
