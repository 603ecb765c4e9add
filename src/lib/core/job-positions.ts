import { SourceMap, type SourceMapPayload } from 'node:module';

/** End of a position in the bundle that contains the jobs: `…/dist/index.js:22:141075`. */
const bundlePosition = /\bindex\.js:(\d+):(\d+)$/;

/** Returns undefined for a damaged map: the error of a job matters more than its position. */
function parsed(map: string | undefined): SourceMap | undefined {
  try {
    return map === undefined ? undefined : new SourceMap(JSON.parse(map) as SourceMapPayload);
  } catch {
    return undefined;
  }
}

/**
 * Replaces positions in the bundle by positions in the sources of jobs: `jobs/licence-report.ts:41:22`. Positions in other
 * code stay.
 * @param map the source map of the jobs that the build writes; without it the text stays.
 */
export function withJobPositions(stack: string, map: string | undefined): string {
  const sourceMap = stack.includes('index.js:') ? parsed(map) : undefined;
  if (sourceMap === undefined) return stack;
  const located = (word: string): string => {
    const found = bundlePosition.exec(word);
    if (found === null) return word;
    // Stacks count from 1, source maps from 0.
    const entry = sourceMap.findEntry(Number(found[1]) - 1, Number(found[2]) - 1);
    return 'originalSource' in entry && entry.originalSource !== undefined
      ? `${entry.originalSource}:${entry.originalLine + 1}:${entry.originalColumn + 1}`
      : word;
  };
  // Words, not one pattern for the whole position: that one would take quadratic time for a long text without spaces.
  return stack
    .split(/([\s()])/)
    .map(located)
    .join('');
}
