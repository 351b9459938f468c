import type { FilterRule } from '#engines/filter/input.ts';
import { weekdays } from '../access-level/spec.ts';
import type { ScheduleSpec } from './spec.ts';

type Window = NonNullable<FilterRule['schedule']>[number];
type Day = Window['days'][number];

const short = (index: number): Day => (weekdays[index % 7] ?? 'MONDAY').slice(0, 3).toLowerCase() as Day;

/** The windows of a schedule as the filter takes them: within a day, so that a night becomes two. */
export const windowsOf = ({ times }: ScheduleSpec): Window[] =>
  times.flatMap(({ days, from, until, timeZone: zone }): Window[] => {
    const clock = zone === 'UTC' ? {} : { timeZone: zone };
    const indexes =
      days.length === 0 ? weekdays.map((_, index) => index) : days.map((it) => weekdays.indexOf(it)).sort();
    if (from < until) return [{ days: indexes.map(short), from, to: until, ...clock }];
    const evening: Window = { days: indexes.map(short), from, to: '24:00', ...clock };
    return until === '00:00'
      ? [evening]
      : [evening, { days: indexes.map((it) => short(it + 1)), from: '00:00', to: until, ...clock }];
  });
