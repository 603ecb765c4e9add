declare module 'vitest' {
  interface TaskMeta {
    /** Why the test is skipped. tools/skipped-tests-reporter.ts prints it. */
    skipReason?: string;
  }
}

/** Options of a test or suite that cannot run on this machine. @param reason undefined if it can. */
export const skippedBecause = (reason: string | undefined) =>
  reason === undefined ? {} : { skip: true, meta: { skipReason: reason } };
