/**
 * Seven bits of the connection mark: the router that the connection keeps to. The filter's own bits lie below. The highest
 * bit says that the connection came from there, so that its answers go there, instead of that it goes there.
 */
export const pathMask = 0x7f00_0000;
export const cameMark = 0x8000_0000;
/** The path of a connection that goes by no watched router, so that nobody asks again. */
export const noPath = 127;
export const lastPath = 126;

/** As nft writes it. */
export const markOf = (path: number): string => `0x${(path * 0x0100_0000).toString(16).padStart(8, '0')}`;
export const hex = (mark: number): string => `0x${(mark >>> 0).toString(16).padStart(8, '0')}`;

/** Routes of one path. */
export const tableOf = (path: number): number => 1000 + path;
