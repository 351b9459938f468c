/** Times of the week in a time zone. */
export interface TimeWindow {
  /** 0 is Sunday; empty: every day. */
  readonly days: readonly number[];
  /** Minute of the day; the window ends before `until`. With `until` <= `from` it goes on after midnight. */
  readonly from: number;
  readonly until: number;
  readonly timeZone: string;
}

const formats = new Map<string, Intl.DateTimeFormat>();

export const isTimeZone = (name: string): boolean => {
  try {
    formatOf(name);
    return true;
  } catch {
    return false;
  }
};

function formatOf(timeZone: string): Intl.DateTimeFormat {
  const known = formats.get(timeZone);
  if (known !== undefined) return known;
  const made = new Intl.DateTimeFormat('en-US', {
    timeZone,
    weekday: 'short',
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  });
  formats.set(timeZone, made);
  return made;
}

const weekdays = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];

/** Whether an instant (milliseconds) lies in the window. */
export function within({ days, from, until, timeZone }: TimeWindow, now: number): boolean {
  const parts = formatOf(timeZone).formatToParts(now);
  const part = (type: string): string => parts.find((it) => it.type === type)?.value ?? '';
  const day = weekdays.indexOf(part('weekday'));
  const minute = Number(part('hour')) * 60 + Number(part('minute'));
  const on = (it: number): boolean => days.length === 0 || days.includes(it);
  if (from < until) return on(day) && minute >= from && minute < until;
  // What goes on after midnight belongs to the day on which it began.
  return (on(day) && minute >= from) || (on((day + 6) % 7) && minute < until);
}

/** The next full minute at which the answer may change, looked for at most a quarter of an hour ahead. */
export function nextWindowChange(window: TimeWindow, now: number): number {
  const minute = 60_000;
  const start = within(window, now);
  const first = (Math.floor(now / minute) + 1) * minute;
  for (let at = first; at < first + 15 * minute; at += minute) if (within(window, at) !== start) return at;
  return first + 15 * minute;
}
