import type { FilterInput, FilterRule } from './input.ts';
import { days } from './policy.ts';

type Window = NonNullable<FilterRule['schedule']>[number];

const DAY = 1440;

const formats = new Map<string, Intl.DateTimeFormat>();

/** Minutes that the clocks of a time zone are ahead of UTC at an instant (milliseconds since 1970). */
export function offsetAt(timeZone: string, now: number): number {
  const format = formats.get(timeZone) ?? new Intl.DateTimeFormat('en-US', { timeZone, timeZoneName: 'longOffset' });
  formats.set(timeZone, format);
  const text = format.formatToParts(now).find((it) => it.type === 'timeZoneName')?.value ?? '';
  const [, sign, hours = '0', minutes = '0'] = /([+-])(\d\d):(\d\d)/.exec(text) ?? [];
  return (sign === '-' ? -1 : 1) * (Number(hours) * 60 + Number(minutes));
}

/** Time zones that schedules name, with their offsets at an instant; empty when the clock is UTC's. */
export const offsetsOf = ({ rules }: Pick<FilterInput, 'rules'>, now: number): ReadonlyMap<string, number> =>
  new Map(
    rules
      .flatMap((it) => it.schedule ?? [])
      .flatMap(({ timeZone }) => (timeZone === undefined ? [] : [[timeZone, offsetAt(timeZone, now)] as const])),
  );

/**
 * The same rules by the clock of UTC, which is all that the kernel knows, as long as time zones have these offsets. Rules
 * that go by no time zone are the same objects.
 */
export const inUtc = (input: FilterInput, offsets: ReadonlyMap<string, number>): FilterInput => ({
  ...input,
  rules: input.rules.map((rule) =>
    rule.schedule?.some((it) => it.timeZone !== undefined)
      ? { ...rule, schedule: rule.schedule.flatMap((it) => utcWindows(it, offsets.get(it.timeZone ?? '') ?? 0)) }
      : rule,
  ),
});

const minuteOf = (clock: string): number => Number(clock.slice(0, 2)) * 60 + Number(clock.slice(3));
const two = (value: number): string => String(value).padStart(2, '0');
const clockOf = (minute: number): string => `${two(Math.floor(minute / 60))}:${two(minute % 60)}`;

/** One window, in UTC at most two, for it may reach into the day before or after. */
function utcWindows({ days: on, from, to }: Window, offset: number): readonly Window[] {
  const [start, end] = [minuteOf(from) - offset, minuteOf(to) - offset];
  return [-1, 0, 1].flatMap((shift): Window[] => {
    const [first, last] = [Math.max(start - shift * DAY, 0), Math.min(end - shift * DAY, DAY)];
    if (first >= last) return [];
    const moved = on.map((it) => days[(days.indexOf(it) + shift + 7) % 7] ?? it);
    return [{ days: moved, from: clockOf(first), to: clockOf(last) }];
  });
}
