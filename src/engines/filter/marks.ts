/** As nft writes it. */
export const formatMark = (mark: number): string => `0x${(mark >>> 0).toString(16).padStart(8, '0')}`;

/**
 * The connection mark. Its low 16 bits are the number of the rule that let the connection in; four more say what happens
 * to every packet of it, and three what translated its destination. The others are not ours.
 */
export const ruleMask = 0x0000_ffff;
/** Every packet waits for the inspection's verdict, and is dropped while there is none. */
export const inspectedMark = 0x0010_0000;
/** The same, but packets pass while there is no inspection. */
export const inspectedOpenMark = 0x0020_0000;
export const copiedMark = 0x0040_0000;
export const loggedMark = 0x0080_0000;
/** Which rule translated the destination, among those that lead to the same port of the same server; 0: none. */
const translatedMask = 0x000e_0000;
const translatedShift = 17;
export const lastTranslated = translatedMask >>> translatedShift;
/** What is judged anew keeps it: addresses are translated once, with the first packet. */
const ours = ruleMask | inspectedMark | inspectedOpenMark | copiedMark | loggedMark;

export const translatedIn = (mark: number): number => (mark & translatedMask) >>> translatedShift;

export const settingTranslated = (number: number): string =>
  `ct mark set ct mark & ${formatMark(~translatedMask)} | ${formatMark(number << translatedShift)}`;

/** So that a line of the log says it. Only where packets have been routed: a mark of theirs leads them, too. */
export const showingTranslated = `meta mark set ct mark & ${formatMark(translatedMask)}`;
export const showingRule = `meta mark set ct mark & ${formatMark(translatedMask | ruleMask)}`;

/** Set in the packet mark of what a local proxy takes over. */
export const proxiedMark = 0x0001_0000;

/** Leaves the bits that are not ours as they are. */
export const settingConnection = (mark: number): string =>
  `ct mark set ct mark & ${formatMark(~ours)} | ${formatMark(mark)}`;

/** The low 16 bits of a packet's mark mean nothing to anybody; the rate of log lines is kept by them. */
export const settingPacket = (number: number): string =>
  `meta mark set meta mark & ${formatMark(~ruleMask)} | ${formatMark(number)}`;

export const settingProxied = `meta mark set meta mark | ${formatMark(proxiedMark)}`;

/** Counts by the number in the connection's mark, or in the packet's. */
export const countedByConnection = (set: string): string => `ct mark & ${formatMark(ruleMask)} @${set}`;
export const countedByPacket = (set: string): string => `meta mark & ${formatMark(ruleMask)} @${set}`;
