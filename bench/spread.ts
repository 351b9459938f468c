/** The middle of some values, and the lowest and the highest: `0.98 [0.95-1.02]`. */
export const spread = (values: readonly number[], digits = 2): string => {
  const sorted = values.toSorted((a, b) => a - b);
  const [low = 0, middle = 0, high = 0] = [sorted[0], sorted[sorted.length >> 1], sorted.at(-1)];
  return `${middle.toFixed(digits)} [${low.toFixed(digits)}-${high.toFixed(digits)}]`;
};
