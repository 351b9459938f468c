/** Whose settings can be written down for the other end. */
export const exportFormats = ['strongswan', 'opnsense', 'stormshield'] as const;
export type ExportFormat = (typeof exportFormats)[number];
