import { weekdays } from '#kinds/access-level/spec.ts';
import type { ScheduleSpec } from '#kinds/schedule/spec.ts';
import { canonical } from '#lib/hash.ts';
import { type Declared, descriptionOf, value } from './declared.ts';
import type { Row } from './rows.ts';

/** Days as they count them: 1 is Monday, 7 is Sunday. */
const numbered = [...weekdays.filter((it) => it !== 'SUNDAY'), 'SUNDAY' as const];

const parts = (text: string): readonly string[] => text.split(';').flatMap((it) => it.trim() || []);

/** `1;3;5-7`; undefined when it is none. */
function daysIn(text: string): readonly string[] | undefined {
  const days = parts(text).map((it) => {
    const [, first, last = first] = /^([1-7])(?:-([1-7]))?$/.exec(it) ?? [];
    return first === undefined || Number(last) < Number(first)
      ? undefined
      : numbered.slice(Number(first) - 1, Number(last));
  });
  return days.some((it) => it === undefined) ? undefined : [...new Set(days.flatMap((it) => it ?? []))];
}

const HOURS = /^(\d\d:\d\d)-(\d\d:\d\d)$/;

/** Hours of the day and days of the week; each of the hours holds on each of the days. */
export function timeSpec(row: Row): Declared {
  if (value(row, 'yearday') !== '' || value(row, 'date') !== '')
    return { leftOut: 'schedules know days of the week, and no days of the year' };
  const days = daysIn(value(row, 'weekday'));
  const hours = parts(value(row, 'time') || '00:00-24:00').map((it) => HOURS.exec(it));
  if (days === undefined || hours.some((it) => it === null))
    return {
      mistake: 'its hours or days cannot be read',
      fix: 'Write hours as 08:00-12:00;14:00-19:00, days as 1;3;5-7.',
    };
  const timeZone = value(row, 'timezone') || 'UTC';
  const times = hours.map((it) => ({ days, from: it?.[1], until: it?.[2], timeZone }));
  const notes = value(row, 'timezone') === '' ? ['its hours are those of UTC: set `timeZone` where they are not'] : [];
  return { spec: { times, ...descriptionOf(row) }, notes };
}

/** Undefined when its times differ in their days: a row has one set of them. */
export function timeCells({ times }: ScheduleSpec): Readonly<Record<string, string>> | undefined {
  const [first] = times;
  if (first === undefined || new Set(times.map((it) => canonical([it.days, it.timeZone]))).size > 1) return undefined;
  return {
    time: times.map((it) => `${it.from}-${it.until}`).join(';'),
    weekday: first.days.map((it) => numbered.indexOf(it) + 1).join(';'),
    timezone: first.timeZone,
  };
}
