import * as z from 'zod';
import { Times } from '../access-level/spec.ts';
import { Description } from '../fields.ts';

export const ScheduleSpec = z
  .strictObject({
    times: z.array(Times).min(1).max(50).describe('When it holds: at any of these.'),
    description: Description,
  })
  .meta({ id: 'Schedule', title: 'Schedule', description: 'Times of the week under a name that rules use.' });

export type ScheduleSpec = z.infer<typeof ScheduleSpec>;
