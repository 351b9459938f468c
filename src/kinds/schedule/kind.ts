import { defineKind } from '../define.ts';
import { ScheduleSpec } from './spec.ts';

export const schedule = defineKind<ScheduleSpec>({
  kind: 'schedule',
  title: 'Schedule',
  spec: ScheduleSpec,
  columns: [
    {
      title: 'TIMES',
      value: ({ spec }) =>
        spec.times
          .map(
            (it) =>
              `${it.days.map((day) => day.slice(0, 3).toLowerCase()).join(',') || 'daily'} ${it.from}-${it.until}`,
          )
          .join('; '),
    },
  ],
  feeds: {},
  example: {
    'office-hours': {
      times: [
        {
          days: ['MONDAY', 'TUESDAY', 'WEDNESDAY', 'THURSDAY', 'FRIDAY'],
          from: '08:00',
          until: '19:00',
          timeZone: 'Europe/Paris',
        },
      ],
    },
  },
});
