/** Numbers with units, short enough for a column of a table. Decimal prefixes (SI). */

const scaled = (value: number, units: readonly string[]): string => {
  const power = value < 1000 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(value) / 3));
  return `${(value / 1000 ** power).toFixed(power === 0 ? 0 : 1)} ${units[power]}`;
};

/** `1.5 MB`. */
export const bytes = (value: number): string => scaled(value, ['B', 'KB', 'MB', 'GB', 'TB']);

/** `1.5 Mbit/s`. */
export const bitRate = (value: number): string => scaled(value, ['bit/s', 'kbit/s', 'Mbit/s', 'Gbit/s', 'Tbit/s']);
