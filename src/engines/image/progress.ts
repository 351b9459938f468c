/** How far a build is, read off what apt and dpkg say. */
export interface BuildProgress {
  readonly phase: string;
  /** Packages of the present transaction; 0 until apt has told. */
  readonly packages: number;
  /** Steps done of it. */
  readonly steps: number;
  /** What to show now; undefined when this line changes nothing that a person would see. */
  readonly text?: string;
}

export const beforeBuild: BuildProgress = { phase: 'starting', packages: 0, steps: 0 };

/** A package is only downloaded in some phases; in the others it is unpacked and set up as well. */
const stepsPerPackage = (phase: string): number => (/^(downloading|fetching)/.test(phase) ? 1 : 3);
/** Percent between two lines of progress, so that a build shows tens of lines and not hundreds. */
const stride = 5;

/** Takes one more line of the build's output into account. */
export function afterLine(before: BuildProgress, line: string): BuildProgress {
  const phase =
    /^phase: (.+)$/.exec(line)?.[1] ?? /^I: (running apt-get update|downloading|extracting|installing)/.exec(line)?.[1];
  if (phase !== undefined) return { phase, packages: 0, steps: 0, text: phase };
  const newly = /^\d+ upgraded, (\d+) newly installed/.exec(line)?.[1];
  if (newly !== undefined) return { phase: before.phase, packages: Number(newly), steps: 0 };
  if (!/^(Get:\d+ \S+ \S+ \S+ \S+ |Unpacking |Setting up )/.test(line) || before.packages === 0) {
    return { phase: before.phase, packages: before.packages, steps: before.steps };
  }
  const steps = before.steps + 1;
  const percentAt = (n: number) =>
    Math.min(100, Math.floor((n * 100) / (before.packages * stepsPerPackage(before.phase))));
  const bar = (n: number) => Math.floor(percentAt(n) / stride);
  const { phase: same, packages } = before;
  if (bar(steps) === bar(before.steps)) return { phase: same, packages, steps };
  return { phase: same, packages, steps, text: `${same}: ${bar(steps) * stride} %` };
}
