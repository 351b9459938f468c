import * as z from 'zod';
import { ref } from '#core/resource.ts';
import { DisplayName, Email } from '../user/spec.ts';

export const GroupSpec = z
  .strictObject({
    email: Email.describe('The address that role bindings name: group:ADDRESS.'),
    displayName: DisplayName.optional().describe('What the group is called. None: its name.'),
    directory: ref('directory').optional().describe('The internal directory. None: the project’s only one.'),
    members: z.array(ref('user')).max(10_000).default([]).describe('Users that are in it.'),
    groups: z.array(ref('group')).max(1000).default([]).describe('Groups all of whose people are in it, too.'),
  })
  .meta({ id: 'Group', title: 'Group', description: 'People of an internal directory who get rights together.' });

export type GroupSpec = z.infer<typeof GroupSpec>;
