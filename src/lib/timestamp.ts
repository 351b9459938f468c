/** RFC 3339 instants and signed durations as whole nanoseconds. Pure. */

const instant =
  /^(\d{4})-(\d{2})-(\d{2})(?:[Tt ](\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9})\d*)?)?)?(?:([Zz])|([+-])(\d{2}):?(\d{2}))?$/;

/**
 * Nanoseconds since 1970 of an RFC 3339 or ISO 8601 text; undefined when it is none. A date alone is its midnight, a
 * missing zone is UTC, digits behind the nanosecond are dropped, a leap second is the second after it.
 */
export function parseInstant(text: string): bigint | undefined {
  const found = instant.exec(text);
  if (found === null) return undefined;
  const [
    ,
    year,
    month,
    day,
    hour = '0',
    minute = '0',
    second = '0',
    fraction = '',
    ,
    sign,
    hours = '0',
    minutes = '0',
  ] = found;
  const fields = [Number(year), Number(month), Number(day), Number(hour), Number(minute), Number(second)] as const;
  if (!isDate(fields[0], fields[1], fields[2]) || fields[3] > 23 || fields[4] > 59 || fields[5] > 60) return undefined;
  if (Number(hours) > 23 || Number(minutes) > 59) return undefined;
  const midnight = new Date(0).setUTCFullYear(fields[0], fields[1] - 1, fields[2]);
  const offset = (Number(hours) * 60 + Number(minutes)) * (sign === '-' ? -60 : 60);
  const seconds = midnight / 1000 + fields[3] * 3600 + fields[4] * 60 + fields[5] - offset;
  return BigInt(seconds) * 1_000_000_000n + BigInt(fraction.padEnd(9, '0'));
}

function isDate(year: number, month: number, day: number): boolean {
  if (month < 1 || month > 12 || day < 1) return false;
  const leap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
  return day <= ([31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1] ?? 0);
}

/** The shortest RFC 3339 text in UTC: no fraction, or 3, 6 or 9 digits of it. */
export function formatInstant(nanoseconds: bigint): string {
  const part = ((nanoseconds % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n;
  const seconds = Number((nanoseconds - part) / 1_000_000_000n);
  const whole = new Date(seconds * 1000).toISOString().slice(0, -5);
  if (part === 0n) return `${whole}Z`;
  const digits = part.toString().padStart(9, '0');
  return `${whole}.${digits.replace(/(?:000){1,2}$/, '')}Z`;
}

const units: Readonly<Record<string, number>> = { ns: 1, us: 1e3, ms: 1e6, s: 1e9, m: 60e9, h: 3600e9 };

/** Nanoseconds of a text such as `3.2s`, `-5m` or `100ms`; undefined when it is none. */
export function parseDuration(text: string): bigint | undefined {
  const found = /^([+-]?)(\d{1,12})(?:\.(\d{1,9})\d*)?(ns|us|ms|s|m|h)$/.exec(text);
  if (found === null) return undefined;
  const [, sign, whole = '0', fraction = '', unit = 's'] = found;
  const scaled = BigInt(whole + fraction.padEnd(9, '0')) * BigInt(units[unit] ?? 0);
  const nanoseconds = scaled / 1_000_000_000n;
  return sign === '-' ? -nanoseconds : nanoseconds;
}
